#!/bin/sh
# SPDX-License-Identifier: MIT
# certificates.sh - make the certificates of the TLS tests in this folder, by the openssl command.
#
# An authority (ca.pem) and what it signed: good.pem for localhost and 127.0.0.1, expired.pem,
# other.pem for example.test, wild.pem for *.example.test, client.pem, and fixed.pem, whose
# signatures all have one length, as the simulator wants it. From an authority that nobody knows:
# unknown.pem; and selfsigned.pem. The key of X.pem is X.key; both.pem is good.pem with its key,
# and locked.key that key under the password "secret".
set -eu

key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

# root NAME SUBJECT: signed by itself.
root() {
	key "$1"
	openssl req -new -x509 -key "$1.key" -subj "/CN=$2" -days 3650 -out "$1.pem" \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'
}

# signed NAME AUTHORITY SUBJECT ALTERNATIVE-NAME [END]: END as YYYYMMDDHHMMSSZ.
signed() {
	openssl req -new -key "$1.key" -subj "/O=rondo/CN=$3" -out "$1.csr"
	printf 'basicConstraints=CA:FALSE\nsubjectAltName=%s\n' "$4" >"$1.ext"
	openssl ca -batch -notext -config ca.cnf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" \
		-extfile "$1.ext" -startdate 20200101000000Z -enddate "${5:-20991231235959Z}" \
		-out "$1.pem"
}

cat >ca.cnf <<'END'
[ca]
default_ca = here
[here]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = supplied
END
: >index
root ca 'rondo test authority'
root strange 'an authority nobody knows'
root selfsigned localhost
for name in good expired other wild client unknown; do
	key $name
done
openssl genpkey -algorithm ED25519 -out fixed.key
signed good ca localhost DNS:localhost,IP:127.0.0.1
signed expired ca localhost DNS:localhost,IP:127.0.0.1 20210101000000Z
signed other ca example.test DNS:example.test
signed wild ca '*.example.test' 'DNS:*.example.test'
signed client ca 'a client' DNS:client.test
signed unknown strange localhost DNS:localhost,IP:127.0.0.1
signed fixed ca localhost DNS:localhost
cat good.pem good.key >both.pem
openssl pkey -in good.key -aes256 -passout pass:secret -out locked.key
