#!/usr/bin/env bash
# Ceph's gateway on one node: a monitor, an OSD that keeps its objects in memory, and radosgw, on free ports of
# loopback, below the folder FOLDER. No systemd, and no manager, which would only count.
#
#   ceph.sh FOLDER
#
# When the gateway answers, one line of JSON says where it is and with which key. All of it ends when standard input
# does: a caller that is killed leaves nothing behind.
set -euo pipefail

folder=$1
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 3>&1 >"$folder/start.log" 2>&1
set -x

children=()
finish() {
    local code=$?
    if [ "$code" != 0 ]; then tail -n 30 "$folder/start.log" >&3; fi
    for child in "${children[@]}"; do kill -KILL "$child" || true; done
    wait || true
}
trap finish EXIT
trap 'exit 0' TERM INT

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
monitor="[v2:127.0.0.1:$(free_port)]"
gateway="127.0.0.1:$(free_port)"
cluster=$(python3 -c 'import uuid; print(uuid.uuid4())')
osd=$(python3 -c 'import uuid; print(uuid.uuid4())')
access_key=FIRMHOLDONCEPH
secret_key=the-secret-of-this-node

mkdir "$folder/mon" "$folder/osd"
cat >"$folder/ceph.conf" <<END
[global]
fsid = $cluster
mon host = $monitor
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $folder/keyring
run dir = $folder
admin socket =
pid file =
log file = $folder/\$name.log
mon data = $folder/mon
osd data = $folder/osd
rgw data = $folder
# One node keeps everything once.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
# How full the disk of the machine is says nothing here.
mon data avail warn = 0
mon data avail crit = 0
# What a lone monitor proposes is decided.
paxos propose interval = 0.02
paxos min wait = 0.01
osd objectstore = memstore
memstore device bytes = 6442450944
rgw frontends = beast endpoint=$gateway
rgw thread pool size = 64
rgw run sync thread = false
rgw enable lc threads = false
rgw dynamic resharding = false
# What is deleted is gone, or the memory would fill.
rgw gc obj min wait = 0
rgw gc processor period = 1
END

start() {
    local program=$1
    shift
    "$program" -c "$folder/ceph.conf" "$@" -f 3>&- <&- &
    children+=($!)
}

ceph-authtool --create-keyring "$folder/keyring" --gen-key -n mon. --cap mon 'allow *'
ceph-authtool "$folder/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *'
ceph-authtool "$folder/keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
monmaptool --create --fsid "$cluster" --addv a "$monitor" "$folder/monmap"
ceph-mon -c "$folder/ceph.conf" -i a --mkfs --monmap "$folder/monmap" --keyring "$folder/keyring"
start ceph-mon -i a
timeout 60 ceph -c "$folder/ceph.conf" osd create "$osd" 0
ceph-osd -c "$folder/ceph.conf" -i 0 --mkfs --osd-uuid "$osd"
start ceph-osd -i 0
start radosgw -n client.admin
timeout 60 radosgw-admin -c "$folder/ceph.conf" user create --uid firmhold --display-name Firmhold \
    --access-key "$access_key" --secret-key "$secret_key"
for _ in $(seq 600); do
    if curl --silent --output /dev/null --noproxy '*' "http://$gateway/"; then break; fi
    kill -0 "${children[@]}"
    sleep 0.1
done
curl --silent --fail --output /dev/null --noproxy '*' "http://$gateway/"

printf '{"url": "http://%s", "access_key": "%s", "secret_key": "%s", "processes": [%s]}\n' \
    "$gateway" "$access_key" "$secret_key" "$(IFS=,; echo "${children[*]}")" >&3
exec 3>&-
cat >/dev/null
