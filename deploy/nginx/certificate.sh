#!/bin/sh
# Makes a certificate of its own for API_HOST where there is none yet. Put a real one in its place: cert.pem and key.pem.
set -eu
folder=${CERTIFICATE_FOLDER:-/etc/nginx/certificate}
host=${API_HOST:-localhost}
[ -s "$folder/cert.pem" ] && [ -s "$folder/key.pem" ] && exit 0
umask 077
case "$host" in
  *[!0-9.]*) name="DNS:$host" ;;
  *) name="IP:$host" ;;
esac
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$host" -addext "subjectAltName=$name" \
  -keyout "$folder/key.pem" -out "$folder/cert.pem"
echo "made a certificate for $host: clients have to be told to trust it"
