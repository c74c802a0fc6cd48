#!/bin/sh
# A Postgres of a test's own on a socket in a folder (a short path: a socket's
# may have 107 bytes).
#   postgres.sh start DIR   prints the DSN when the server answers; 3: none is installed
#   postgres.sh stop DIR
# On Debian: apt-get install postgresql
set -eu
dir=$2
bin=
for p in /usr/lib/postgresql/*/bin "$(dirname "$(readlink -f "$(command -v initdb || echo /)")")"; do
	[ -x "$p/initdb" ] && [ -x "$p/postgres" ] && bin=$p
done
[ -n "$bin" ] || { echo "no initdb beside postgres on the PATH or in /usr/lib/postgresql" >&2; exit 3; }
as=
if [ "$(id -u)" = 0 ]; then # the server refuses to be root
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	[ "$1" = start ] && chown 65534:65534 "$dir"
fi
cd "$dir"
case $1 in
start)
	$as "$bin/initdb" -D "$dir/data" -U hardneg -A trust --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 3; }
	$as "$bin/pg_ctl" start -w -t 60 -D "$dir/data" -l "$dir/data/server.log" -o "-k $dir -c listen_addresses= -c fsync=off" >/dev/null
	echo "host=$dir user=hardneg dbname=postgres" ;;
stop) $as "$bin/pg_ctl" stop -m immediate -D "$dir/data" >/dev/null ;;
esac
