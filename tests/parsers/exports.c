// SPDX-License-Identifier: MIT
/*
 * Goal: the rules and limits of an export, which operators write, are refused with a text or mean
 * something, and the identity and address of a client decide in the same way each time.
 * Method: the input is a rule, or a limit; then rules that were accepted, an address and an
 * identity, which is text of a certificate, are compared.
 */
#include <exports/access.h>
#include <exports/limit.h>
#include <netinet/in.h>

#include "parser.h"

#define TEXT_SIZE	512

/* Take text up to a NUL or the end of the input. */
static void eat_text(struct input *in, char text[TEXT_SIZE])
{
	size_t n = 0;

	while (n < TEXT_SIZE - 1 && in->size) {
		text[n] = (char)eat_u8(in);
		if (!text[n])
			break;
		n++;
	}
	text[n] = '\0';
}

static struct sockaddr_storage eat_address(struct input *in)
{
	struct sockaddr_storage from = { .ss_family = AF_UNIX };
	uint8_t kind = eat_u8(in);

	if (kind & 1) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&from;

		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = eat_u32(in);
	} else if (kind & 2) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&from;

		v6->sin6_family = AF_INET6;
		eat(in, &v6->sin6_addr, sizeof(v6->sin6_addr));
	}
	return from;
}

static void check_refusal(int ret, const struct option_error *e)
{
	must(ret < 0);
	must(e->text[0] && memchr(e->text, '\0', sizeof(e->text)));
}

static void try_limit(const char *text)
{
	struct option_error error = { 0 };
	struct limit l;
	int ret = limit_parse(text, &l, &error);

	if (ret) {
		check_refusal(ret, &error);
		return;
	}
	must(l.iops || l.bytes || l.connections);
	must(l.iops <= LIMIT_IOPS_MAX && l.connections <= LIMIT_CONNECTIONS_MAX);
	must(!l.bytes || (l.bytes >= LIMIT_BYTES_MIN && l.bytes <= LIMIT_BYTES_MAX));
}

static void try_rules(struct input *in)
{
	static char text[4][TEXT_SIZE];
	struct sockaddr_storage from;
	struct access a = { 0 };
	char identity[TEXT_SIZE];
	enum access_answer answer;
	unsigned int n = 0;

	for (int i = 0; i < 4; i++) {
		struct option_error error = { 0 };
		int ret;

		eat_text(in, text[i]);
		ret = access_add(&a, text[i], &error);
		if (ret)
			check_refusal(ret, &error);
		n += !ret;
		must(a.n == n);
	}
	from = eat_address(in);
	eat_text(in, identity);
	answer = access_check(&a, &from, identity);
	must(a.n || answer == ACCESS_GRANTED);
	must(answer == access_check(&a, &from, identity));
	must(answer == ACCESS_GRANTED || access_says_why(answer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (eat_u8(&in) & 1) {
		char text[TEXT_SIZE];

		eat_text(&in, text);
		try_limit(text);
	} else {
		try_rules(&in);
	}
	return 0;
}
