/*
 * text.c - formatting text into a fixed buffer
 *
 * SPDX-License-Identifier: ISC
 */
#include "base/text.h"

void smi_text_start(struct smi_text *text, char *buffer, size_t room)
{
	text->buffer = buffer;
	text->room = room;
	text->length = 0;
	buffer[0] = '\0';
}

static void add_char(struct smi_text *text, char c)
{
	if (text->length + 1 < text->room) {
		text->buffer[text->length++] = c;
		text->buffer[text->length] = '\0';
	}
}

static void add_string(struct smi_text *text, const char *s)
{
	while (*s != '\0')
		add_char(text, *s++);
}

static void add_number(struct smi_text *text, uint64_t n, unsigned base)
{
	char digits[20];
	size_t count = 0;

	do
		digits[count++] = "0123456789abcdef"[n % base];
	while ((n /= base) != 0);
	while (count > 0)
		add_char(text, digits[--count]);
}

static void add_signed(struct smi_text *text, int n)
{
	if (n < 0)
		add_char(text, '-');
	add_number(text, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10);
}

void smi_text_add_list(struct smi_text *text, const char *format, va_list list)
{
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			add_char(text, *format);
			continue;
		}
		switch (*++format) {
		case 's':
			add_string(text, va_arg(list, const char *));
			break;
		case 'z': /* %zu */
			add_number(text, va_arg(list, size_t), 10);
			format++;
			break;
		case 'd':
			add_signed(text, va_arg(list, int));
			break;
		case 'p':
			add_string(text, "0x");
			add_number(text, (uintptr_t)va_arg(list, void *), 16);
			break;
		default:
			add_char(text, *format);
		}
	}
}

void smi_text_add(struct smi_text *text, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	smi_text_add_list(text, format, list);
	va_end(list);
}
