#!/usr/bin/env bash
# heimdal.sh ROOT DIR PORT : makes the realm H.TEST in DIR and becomes its KDC, out of packages that
# were unpacked below ROOT.
set -euo pipefail
root=$1 dir=$2 port=$3
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu/heimdal
export KRB5_CONFIG=$dir/heimdal.conf
cat >"$KRB5_CONFIG" <<CONF
[libdefaults]
 default_realm = H.TEST
[kdc]
 database = {
  dbname = $dir/heimdal
  mkey_file = $dir/m-key
  log_file = $dir/log
  acl_file = $dir/acl
 }
 require-preauth = true
 ports = $port
 addresses = 127.0.0.1
[logging]
 kdc = FILE:$dir/kdc.log
CONF
kadmin() { "$root/usr/bin/kadmin.heimdal" -l -r H.TEST "$@"; }
kadmin init --realm-max-ticket-life=unlimited --realm-max-renewable-life=unlimited H.TEST
kadmin add --password=secret --use-defaults alice
kadmin add --password=secret --use-defaults --max-renewable-life=0 plain
kadmin add --random-key --use-defaults kafka/broker.h.test
kadmin ext_keytab -k "$dir/alice.keytab" alice
kadmin ext_keytab -k "$dir/service.keytab" kafka/broker.h.test
exec "$root/usr/lib/heimdal-servers/kdc" --config-file="$KRB5_CONFIG"
