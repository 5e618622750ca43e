#!/bin/sh
# Pulls what the shop has sold and shipped, from SHOP_FROM to SHOP_TO (both days included; default: everything).
set -eu
cd "$(dirname "$0")/.."
api="${SHOP_API:-$(cat var/api)}"
query="from=${SHOP_FROM:-}&to=${SHOP_TO:-}"
exec "${PYTHON:-python3}" bin/into_duckdb.py "$api" "$query" var/shop.db
