/*
 * secmalloc.hpp - secmalloc for C++17 and later
 *
 * Everything is in the namespace secmem. The functions of secmalloc.h stay
 * available; their comments say what holds for the memory.
 *
 * SPDX-License-Identifier: ISC
 */
#ifndef SECMALLOC_HPP
#define SECMALLOC_HPP

#include <secmalloc/allocator.hpp>
#include <secmalloc/arena.hpp>
#include <secmalloc/error.hpp>
#include <secmalloc/guarded.hpp>
#include <secmalloc/string.hpp>

#endif // SECMALLOC_HPP
