# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Certificates and URIs for the tests of TLS, beside what lib.sh has.

# shellcheck disable=SC2154 # lib.sh has made it
pki=$tmp/pki
mkdir "$pki"
# certificate NAME CA LINE...: make a key and a certificate that the CA has signed
certificate()
{
	local name=$1 ca=$2

	shift 2
	printf '%s\n' "cn = \"$name\"" "expiration_days = 10" "$@" >"$tmp/template"
	certtool --generate-privkey --key-type ecdsa --outfile "$pki/$name.key" >/dev/null 2>&1
	if [ "$name" = "$ca" ]; then
		certtool --generate-self-signed --load-privkey "$pki/$ca.key" \
			--template "$tmp/template" --outfile "$pki/$ca.pem" 2>/dev/null
	else
		certtool --generate-certificate --load-privkey "$pki/$name.key" \
			--load-ca-certificate "$pki/$ca.pem" --load-ca-privkey "$pki/$ca.key" \
			--template "$tmp/template" --outfile "$pki/$name.pem" 2>/dev/null
	fi
}
# folder NAME CA ROLE CERTIFICATE: make the folder of a server or a client
folder()
{
	mkdir "$tmp/$1"
	cp "$pki/$2.pem" "$tmp/$1/ca-cert.pem"
	cp "$pki/$4.pem" "$tmp/$1/$3-cert.pem"
	cp "$pki/$4.key" "$tmp/$1/$3-key.pem"
}
# shellcheck disable=SC2154 # arenad_start sets the address
port() { echo "${address##*:}"; }
plain() { echo "nbd://localhost:$(port)/d"; }
# secret CLIENT: the URI of a client with certificates
secret() { echo "nbds://localhost:$(port)/d?tls-certificates=$tmp/$1"; }
# keyed USER FILE: the URI of a client with a pre-shared key
keyed() { echo "nbds://$1@localhost:$(port)/d?tls-psk-file=$2"; }
