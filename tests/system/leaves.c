// SPDX-License-Identifier: MIT
/* leaves REGION: prints how often its 1 GiB leaves were demoted and promoted again. */
#include <err.h>
#include <inttypes.h>
#include <mshare.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare *m;
	int ret;

	if (argc != 2)
		errx(2, "usage: leaves REGION");
	ret = mshare_open(argv[1], 1, &m);
	if (!ret)
		ret = mshare_info(m, &info);
	if (ret)
		errx(1, "%s: %s", argv[1], strerror(-ret));
	printf("%" PRIu64 " %" PRIu64 "\n", info.demotions, info.promotions);
	mshare_close(m);
	return 0;
}
