#!/bin/sh
# Deploy a release: install what the lock file says, save, migrate, restart the workers. It stops at the first failure.
set -eu

release=$1
cd /srv/platform/backend
composer install --no-dev --no-interaction --optimize-autoloader
# The way back: a backup, a fence and the WAL between them, in every repository. Not 0: no migration.
printflow backup before-migrate --name "$release"
php artisan migrate --force
php artisan config:cache
# Workers finish their jobs and begin again with the new code.
php artisan horizon:terminate
