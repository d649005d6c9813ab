// SPDX-License-Identifier: GPL-2.0
#include "name.h"

#include <linux/ctype.h>
#include <linux/string.h>

bool msha_name_ok(const char *name, size_t size)
{
	size_t len = strnlen(name, size);
	size_t i;

	if (!len || len == size || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) &&
					  !strchr("_-.", name[i])))
			return false;
	return !memchr_inv(name + len, 0, size - len);
}
