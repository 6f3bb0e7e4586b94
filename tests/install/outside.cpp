/* SPDX-License-Identifier: MIT */
/* outside.cpp - a C++ program that uses an installed rondo. */
#include <iostream>
#include <rondo.h>

int main()
{
	int ms = 1;
	auto nap = [](void *arg) -> int {
		int error = rondo_sleep(0.001);

		if (error == 0)
			std::cout << "slept " << *static_cast<int *>(arg) << " ms\n";
		return error;
	};

	return rondo_run(nap, &ms) != 0;
}
