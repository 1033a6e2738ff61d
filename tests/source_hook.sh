#!/bin/sh
# tools/pre-commit rejects a commit that breaks a rule, and checks only what is
# staged. It is tried in a repository created for this script.
#
# SPDX-License-Identifier: ISC
. "${srcdir:-.}/tests/tap.sh"

command -v git > /dev/null || tap_skip_all "git is not installed"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$(cd "$srcdir" && pwd)
repository=$work/repository

# Settings of the user or of a surrounding git command must not have an effect.
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME \
	GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL

make_repository() {
	mkdir -p "$repository/doc" && cd "$repository" && git init -q . \
		&& cp -R "$top/lib" "$top/tools" "$top/.clang-format" \
			"$top/.codespellrc" "$top/.shellcheckrc" . \
		&& cp "$top/doc/ARCHITECTURE.md" doc && chmod -R u+w . \
		&& git add -A && git commit -q -m "The tools, and a library" \
		&& mkdir -p .git/hooks \
		&& ln -s ../../tools/pre-commit .git/hooks/pre-commit
}
# change FORMAT FILE: write a file in the current directory.
change() {
	# shellcheck disable=SC2059 # it is a format
	printf "$1" > "$2"
}
# refuses CHECKER DIR: what is staged there cannot be committed, and only this
# checker rejects it.
refuses() {
	cd "$2" || return 1
	! git commit -m "Not to be" > "$work/said" 2>&1 || return 1
	cat "$work/said"
	test "$(sed -n 's/^pre-commit: \(.*\) rejects what is staged$/\1/p' \
		"$work/said")" = "$1"
	refused=$?
	git reset -q --hard
	return $refused
}

good_c='int f(void)\n{\n\treturn 0;\n}\n'
bad_c='int f(void) { return 0; }\n'
good_script='#!/bin/sh\necho "$1"\n'
bad_script='#!/bin/sh\necho $1\n'
misspelt='It is al''ocated.\n'

refuses_file() {
	(cd "$repository" && change "$2" "$3" && git add "$3") \
		&& refuses "$1" "$repository"
}
refuses_a_module() {
	(cd "$repository" && echo '#include "no_such_module.h"' \
		>> "$(find lib -name extents.c)" && git add lib) \
		&& refuses tools/check-layers "$repository"
}
accepts_all() {
	cd "$repository" && change "$good_c" x.c \
		&& change "$good_script" x.sh \
		&& change 'It is allocated.\n' x.md && git add x.c x.sh x.md \
		&& git commit -q -m "Good files"
}
ignores_the_working_tree() {
	cd "$repository" && change "$good_c\n/* More. */\n" x.c \
		&& git add x.c && change "$bad_c" x.c \
		&& git commit -q -m "Good, but for what is not staged"
	accepted=$?
	git reset -q --hard
	return $accepted
}
is_not_fooled_by_the_working_tree() {
	(cd "$repository" && change "$bad_c" y.c && git add y.c \
		&& change "$good_c" y.c) \
		&& refuses tools/check-format "$repository"
}
checks_a_commit_of_all() {
	cd "$repository" && change "$bad_c" x.c
	git commit -a -m "Not to be" > "$work/said" 2>&1
	committed=$?
	git reset -q --hard
	cat "$work/said"
	test $committed -ne 0
}
works_in_a_worktree() {
	cd "$repository" && git worktree add -q "$work/other" && cd ../other \
		&& change "$good_c" z.c && git add z.c \
		&& git commit -q -m "Good" && change "$bad_c" z.c \
		&& git add z.c && refuses tools/check-format "$work/other"
}
says_what_it_skips() {
	mkdir "$work/bin"
	for program in awk cat git grep head mktemp rm sh xargs dirname; do
		ln -s "$(command -v $program)" "$work/bin" || return 1
	done
	cd "$repository" && change "$misspelt" x.md && git add x.md \
		&& PATH=$work/bin git commit -m "Unchecked" > "$work/said" 2>&1
	cat "$work/said"
	test "$(grep -c '^pre-commit: SKIP' "$work/said")" -eq 3
}

make_repository > "$work/said" 2>&1 || tap "the repository is created" \
	eval 'cat "$work/said"; false'
tap "files that follow the rules are committed" accepts_all
if reason=$("$top/tools/check-format"); then
	tap "a C file with another layout is rejected" \
		refuses_file tools/check-format "$bad_c" y.c
	tap "a fault only in the working tree does not prevent a commit" \
		ignores_the_working_tree
	tap "a good working tree does not hide a staged fault" \
		is_not_fooled_by_the_working_tree
	tap "git commit -a is checked" checks_a_commit_of_all
	tap "a commit in another worktree is checked" works_in_a_worktree
else
	tap_skip "the layout of staged C files is checked" \
		"$reason"
fi
if command -v shellcheck > /dev/null; then
	tap "a script with a fault is rejected" \
		refuses_file shellcheck "$bad_script" y.sh
else
	tap_skip "a script with a fault is rejected" \
		"shellcheck is not installed"
fi
if command -v codespell > /dev/null; then
	tap "a misspelling is rejected" refuses_file codespell "$misspelt" y.md
else
	tap_skip "a misspelling is rejected" "codespell is not installed"
fi
tap "an include that breaks the layers is rejected" refuses_a_module
tap "a check whose program is missing is reported" says_what_it_skips
tap_done
