#!/bin/sh
# Makes the folders that the containers of the compose file mount, each owned by the user of its container, and hands
# over what one container makes and another needs: the service's CA to the nodes (and as `ca.pem` to everybody), and the
# certificates of the client `trainer` of each site to its SuperNode. Run as root in the folder; run it again after `node client add`.
set -eu
cd "${1:-/folders}"

folder() { # name, user
    mkdir -p "$1"
    chown "$2:$2" "$1"
}

handed() { # file, where to, user, mode
    if [ -e "$1" ]; then
        install -m "$4" -o "$3" -g "$3" "$1" "$2"
    fi
}

folder service 10001
handed service/keys/ca.pem ca.pem 0 644
for site in north south west; do
    mkdir -p "raw-$site"
    folder "node-$site" 10002
    folder "supernode-$site" 10003
    handed service/keys/ca.pem "node-$site/service-ca.pem" 10002 644
    for name in ca.pem client.pem client.key; do
        handed "node-$site/clients/trainer/$name" "supernode-$site/$name" 10003 600
    done
    cat >"supernode-$site/supernode.toml" <<END
node-address = "node-$site:7410"
node-ca = "/config/ca.pem"
node-cert = "/config/client.pem"
node-key = "/config/client.key"
END
    chown 10003:10003 "supernode-$site/supernode.toml"
done
