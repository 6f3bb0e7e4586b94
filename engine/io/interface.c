/* SPDX-License-Identifier: MIT */
/* interface.c - names and numbers of network interfaces, as if_nametoindex(3) asks for them, but of the
 * kernel behind the seam. Nothing here can block. */
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "io/io.h"

/* Any socket will do to ask with. */
static int ask(unsigned long request, struct ifreq *answer)
{
	const struct kernel *k = rondo__loop ? rondo__loop->ring.kernel : &rondo__kernel_linux;
	int ret, fd = (int)kernel_call3(k, SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	ret = (int)kernel_call3(k, SYS_ioctl, fd, request, answer);
	kernel_call2(k, SYS_close, fd, 0);
	return ret;
}

int rondo__interface_index(const char *name)
{
	struct ifreq r = { .ifr_ifindex = 0 };
	int ret;

	if (strlen(name) >= sizeof(r.ifr_name))
		return -ENODEV;
	strcpy(r.ifr_name, name);
	ret = ask(SIOCGIFINDEX, &r);
	return ret < 0 ? ret : r.ifr_ifindex;
}

int rondo__interface_name(uint32_t index, char *name)
{
	struct ifreq r = { .ifr_ifindex = (int)index };
	int ret = ask(SIOCGIFNAME, &r);

	if (ret == 0)
		memcpy(name, r.ifr_name, IF_NAMESIZE);
	return ret;
}
