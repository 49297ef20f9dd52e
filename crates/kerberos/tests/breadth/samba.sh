#!/usr/bin/env bash
# samba.sh ROOT DIR PORT : makes the Active Directory domain S.TEST in DIR and becomes its controller,
# with nothing but a KDC, out of packages that were unpacked below ROOT. Samba knows where its parts
# are: run this in a mount namespace of its own (unshare --mount).
set -euo pipefail
root=$1 dir=$2 port=$3
mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr
mkdir -p "$dir"/{private,state,cache,lock,pid,ncalrpc,bind-dns,winbind}
cat >"$dir/smb.conf" <<CONF
[global]
 netbios name = DC1
 realm = S.TEST
 workgroup = S
 server role = active directory domain controller
 server services = kdc cldap
 interfaces = lo
 bind interfaces only = yes
 krb5 port = $port
 kpasswd port = 0
 cldap port = $((port + 1))
 private dir = $dir/private
 state directory = $dir/state
 cache directory = $dir/cache
 lock directory = $dir/lock
 pid directory = $dir/pid
 ncalrpc dir = $dir/ncalrpc
 binddns dir = $dir/bind-dns
 winbindd socket directory = $dir/winbind
 log file = $dir/log
[sysvol]
 path = $dir/state/sysvol
[netlogon]
 path = $dir/state/sysvol/s.test/scripts
CONF
tool() { samba-tool "$@" -s "$dir/smb.conf"; }
tool domain provision --realm=S.TEST --domain=S --server-role=dc --dns-backend=NONE \
    --adminpass=Adm1n-secret --host-name=dc1 --host-ip=127.0.0.1
tool user create jürgen Us3r-secret
tool user create service Serv1ce-secret
tool user create weak W3ak-secret
tool spn add KAFKA/Broker.S.Test service
tool spn add kafka/weak.s.test weak
# AES for the one, and what the directory does by itself for the other: RC4.
/usr/bin/python3 - "$dir/smb.conf" <<'PYTHON'
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

settings = LoadParm()
settings.load(sys.argv[1])
SamDB(lp=settings, session_info=system_session()).modify_ldif("""
dn: CN=service,CN=Users,DC=s,DC=test
changetype: modify
replace: msDS-SupportedEncryptionTypes
msDS-SupportedEncryptionTypes: 24
""")
PYTHON
tool domain exportkeytab "$dir/jürgen.keytab" --principal=jürgen
tool domain exportkeytab "$dir/service.keytab" --principal=kafka/broker.s.test
exec samba -i -M single -s "$dir/smb.conf" --debug-stdout
