# SPDX-License-Identifier: MIT
# fetch.sh - sourced by run.sh: Debian's kernels for it, without touching this machine's packages.
#
# apt gets a configuration, sources, lists and a cache of the test's own, all below $out/apt. From
# the machine it takes the mirror, the proxies and the keys, so that what works here works there.
# Nothing is installed: packages are unpacked, and of the kernels only the files that are needed.

# In the order in which they must be loaded; what a kernel has built in is not to be found.
kernel_modules='virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci
	virtio_blk crc16 crc32c_generic mbcache jbd2 ext4'

debian_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 !~ /security/ { print $1; exit }'
}

# The hooks of the machine's configuration are left out: they tell its other programs of news.
apt_configuration() {
	apt-config dump | grep -vE '^Dir|Invoke'
	cat <<-END
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "/dev/null";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::State "$1/state";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; };
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
	END
}

apt_sources() {
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[ ! -f $keys ] || signed="[signed-by=$keys] "
	for suite in bookworm bookworm-backports; do
		echo "deb ${signed:-}$1 $suite main"
	done
}

# Make apt ask the test's own configuration from here on, and fetch its lists.
own_apt() {
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		echo 'no mirror in the sources of apt'
		return 1
	fi
	mkdir -p "$out/apt/state/lists/partial" "$out/apt/cache/archives/partial"
	: >"$out/apt/status"
	apt_configuration "$out/apt" >"$out/apt/apt.conf"
	apt_sources "$mirror" >"$out/apt/sources.list"
	export APT_CONFIG="$out/apt/apt.conf"
	apt-get update
}

# unpack PACKAGE FOLDER PATTERN...: the files of a package that match; a pattern may match none.
unpack() {
	package=$1 folder=$2
	shift 2
	rm -rf "$out/apt/new" "$folder.new"
	mkdir -p "$out/apt/new" "$folder.new"
	(cd "$out/apt/new" && apt-get download "$package") || return
	dpkg-deb --fsys-tarfile "$out/apt/new/"*.deb | tar -C "$folder.new" -xf - --wildcards "$@"
	rm -rf "$out/apt/new" "$folder"
	mv "$folder.new" "$folder"
}

# newest_kernel VERSION: the package of Debian's newest, plain build of it.
newest_kernel() {
	apt-cache search --names-only "^linux-image-$1\..*-amd64-unsigned" | cut -d ' ' -f 1 |
		grep -E "^linux-image-$1\.[^-]*(-[0-9]+)?-amd64-unsigned\$" | sort -V | tail -n 1
}

# fetch_kernel VERSION FOLDER: its vmlinuz and the modules, unpacked.
fetch_kernel() {
	image=$(newest_kernel "$1")
	if [ -z "$image" ]; then
		echo "no package of a kernel $1 on $mirror"
		return 1
	fi
	set -- "$2"
	for module in $kernel_modules; do
		set -- "$@" "*/$module.ko*"
	done
	folder=$1
	shift
	unpack "$image" "$folder" '*/vmlinuz-*' "$@"
	# tar says which patterns had no match, and that this is an error; it is not.
	[ -n "$(find "$folder/boot" -name 'vmlinuz-*')" ] || return
	find "$folder" -name '*.ko.xz' -exec xz -d {} +
}

# fetch VERSION: $out/VERSION with the kernel, and $out/busybox; what is there is kept.
fetch() {
	[ ! -d "$out/$1" ] || [ ! -x "$out/busybox/bin/busybox" ] || return 0
	own_apt || return
	[ -x "$out/busybox/bin/busybox" ] || unpack busybox-static "$out/busybox" '*bin/busybox' || return
	[ -d "$out/$1" ] || fetch_kernel "$1" "$out/$1"
}
