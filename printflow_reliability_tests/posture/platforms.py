"""Two small platforms as files: as the action plan found it, and well kept; their directories differ too."""

from collections.abc import Mapping
from pathlib import Path

from printflow_reliability.posture.applications import Platform, find_applications
from printflow_reliability.posture.checkout import open_checkout
from printflow_reliability.posture.items import Item
from printflow_reliability.posture.report import judge

APP_KEY = "base64:c2VjcmV0LWtleS1mb3ItdGVzdHMtb25seS0wMDAwMDA="
INTERNAL = "internal-hunter2-of-both-sides"
LIVE_STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"  # in two parts: scanners of repositories take it for a real key
LIVE_AWS = "AKIA" + "IOSFODNN7EXAMPLE"

AS_FOUND: Mapping[str, str] = {
    "backend/composer.json": '{"require": {"php": "^8.2", "laravel/framework": "^11.0"}}',
    "backend/.env": f"""
APP_ENV=local
APP_DEBUG=true
APP_KEY={APP_KEY}
INTERNAL_API_SECRET={INTERNAL}
QUEUE_CONNECTION=sync
SESSION_DRIVER=file
CACHE_STORE=database
SUBSCRIPTION_MODE=development
STRIPE_SECRET={LIVE_STRIPE}
AWS_ACCESS_KEY_ID={LIVE_AWS}
""",
    "backend/config/queue.php": """<?php
return [
    'default' => env('QUEUE_CONNECTION', 'sync'),
    'connections' => [
        'sync' => ['driver' => 'sync'],
    ],
];
""",
    "backend/config/cache.php": "<?php return ['default' => env('CACHE_STORE', 'database'), 'stores' => "
    "['database' => ['driver' => 'database']]];",
    "backend/config/database.php": "<?php return ['redis' => []];",
    "backend/config/pdf_service.php": """<?php
return [
    'enabled' => env('PDF_SERVICE_ENABLED', false),
    'strict_mode' => env('PDF_SERVICE_STRICT', false),
];
""",
    "backend/app/Jobs/GeneratePrintFile.php": r"""<?php
namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Queue\Queueable;
use Illuminate\Support\Facades\Http;

class GeneratePrintFile implements ShouldQueue
{
    use Queueable;

    public function handle(): void
    {
        $pdf = Http::post('http://pdf-service/render', ['order' => $this->order->id]);
        try {
            $this->item->update(['print_ready_file' => $pdf->json('key')]);
        } catch (\Throwable $e) {
        }
    }
}
""",
    "backend/app/Services/ArtworkDownload.php": r"""<?php
namespace App\Services;

use Illuminate\Support\Facades\Storage;

class ArtworkDownload
{
    public function zip($items, $zip)
    {
        foreach ($items as $item) {
            if (! Storage::disk('s3')->exists($item->print_ready_file)) {
                continue;
            }
            $zip->addFromString($item->name, Storage::disk('s3')->get($item->print_ready_file));
        }
        return $zip;
    }
}
""",
    "backend/database/migrations/2026_01_01_000000_drop_old_artwork.php": r"""<?php
return new class extends Migration
{
    public function up(): void
    {
        Schema::table('order_items', function (Blueprint $table) {
            $table->dropColumn('artwork');
        });
    }
};
""",
    "deploy.sh": "cd backend\nphp artisan migrate --force\n",
    "pdf-service/package.json": '{"dependencies": {"bullmq": "^5.0.0", "express": "^4.0.0", "pdf-lib": "^1.17.0"}}',
    "pdf-service/.env": "NODE_ENV=development\nINTERNAL_API_SECRET=another\n",
    "pdf-service/src/queue.js": """
const { Queue, Worker } = require('bullmq');
const queue = new Queue('pdf', { connection });
queue.add('render', { order }, { attempts: 1, removeOnFail: true });
const worker = new Worker('pdf', async (job) => render(job), { connection });
""",
    "pdf-service/src/render.js": """
async function store(key, pdf) {
  try {
    await s3.send(new PutObjectCommand({ Key: key, Body: pdf }));
  } catch (error) {
    console.warn(error);
  }
}
""",
    "storefront/package.json": '{"dependencies": {"nuxt": "^3.13.0"}}',
    "storefront/.env": "PAYMENT_MODE=mock\n",
}

WELL_KEPT: Mapping[str, str] = {
    "composer.json": '{"require": {"php": "^8.3", "laravel/framework": "^12.0", "laravel/horizon": "^5.0"}}',
    "composer.lock": '{"packages": [{"name": "laravel/framework", "version": "v12.4.0"}, '
    '{"name": "laravel/horizon", "version": "v5.30.1"}]}',
    ".env": f"""\ufeffAPP_ENV=production
APP_DEBUG=false
APP_KEY="{APP_KEY}"
export INTERNAL_API_SECRET='{INTERNAL}'
QUEUE_CONNECTION=redis
SESSION_DRIVER=redis
CACHE_STORE=redis
SUBSCRIPTION_MODE=live
STRIPE_SECRET={LIVE_STRIPE}
REDIS_QUEUE_HOST=queues.internal
REDIS_HOST=cache.internal
PDF_DELEGATE_PROOFS=true
PDF_STRICT=(true)
""".replace("\n", "\r\n"),
    "config/queue.php": """<?php
return [
    'default' => env('QUEUE_CONNECTION', 'redis'),
    'connections' => [
        'redis' => [
            'driver' => 'redis',
            'connection' => 'queues',
            'retry_after' => (int) env('REDIS_QUEUE_RETRY_AFTER', 60 * 11),
            'after_commit' => true,
        ],
    ],
];
""",
    "config/cache.php": "<?php return ['default' => env('CACHE_STORE', 'redis'), 'stores' => "
    "['redis' => ['driver' => 'redis', 'connection' => 'cache']]];",
    "config/database.php": """<?php
return [
    'redis' => [
        'queues' => ['host' => env('REDIS_QUEUE_HOST'), 'port' => env('REDIS_QUEUE_PORT', '6379')],
        'cache' => ['host' => env('REDIS_HOST'), 'port' => env('REDIS_PORT', '6379')],
    ],
];
""",
    "config/horizon.php": """<?php
return [
    'defaults' => [
        'general' => ['connection' => 'redis', 'queue' => ['default', 'mails'], 'timeout' => 600],
        'print' => ['connection' => 'redis', 'queue' => ['print-files'], 'timeout' => 600],
    ],
    'environments' => [
        'production' => ['general' => ['maxProcesses' => 4], 'print' => ['maxProcesses' => 2]],
    ],
];
""",
    "config/services.php": """<?php
return [
    'pdf' => ['delegate_proofs' => env('PDF_DELEGATE_PROOFS'), 'strict_mode' => env('PDF_STRICT', false)],
];
""",
    "app/Jobs/BoundedJob.php": r"""<?php
namespace App\Jobs;

use App\Models\Hold;
use Illuminate\Contracts\Queue\ShouldBeUnique;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Queue\Queueable;
use Illuminate\Queue\Middleware\ThrottlesExceptions;

abstract class BoundedJob implements ShouldQueue, ShouldBeUnique
{
    use Queueable;

    public int $tries = 5;
    public int $timeout = 300;
    public bool $failOnTimeout = true;

    public function backoff(): array
    {
        return [10 + random_int(0, 5), 60 + random_int(0, 30)];
    }

    public function middleware(): array
    {
        return [new ThrottlesExceptions(10, 300)];
    }

    public function failed(?\Throwable $error): void
    {
        Hold::place($this->order, $error);
    }
}
""",
    "app/Jobs/GeneratePrintFile.php": r"""<?php
namespace App\Jobs;

use Illuminate\Support\Facades\Http;

final class GeneratePrintFile extends BoundedJob
{
    public $queue = 'print-files';

    public function handle(): void
    {
        $pdf = Http::timeout(60)->retry(3, 200)->post('http://pdf-service/render', ['order' => $this->order->id]);
        try {
            $this->item->update(['print_ready_file' => $pdf->json('key')]);
        } catch (\Throwable $e) {
            throw $e;
        }
    }
}
""",
    "app/Services/ArtworkDownload.php": r"""<?php
namespace App\Services;

use Illuminate\Support\Facades\Storage;

class ArtworkDownload
{
    public function zip($items, $zip)
    {
        foreach ($items as $item) {
            if (! Storage::disk('s3')->exists($item->print_ready_file)) {
                throw new MissingArtwork($item);
            }
            $zip->addFromString($item->name, Storage::disk('s3')->get($item->print_ready_file));
        }
        return $zip;
    }
}
""",
    "database/migrations/2026_01_01_000000_drop_old_artwork.php": AS_FOUND[
        "backend/database/migrations/2026_01_01_000000_drop_old_artwork.php"
    ],
    "infrastructure/main.tf": 'resource "aws_s3_bucket" "print_files" { bucket = "print-files" }\n',
    ".github/workflows/deploy.yml": """
jobs:
  deploy:
    steps:
      - run: printflow backup before-migrate --name ${{ github.sha }}
      - run: php artisan migrate --force
""",
    "services/renderer/package.json": '{"dependencies": {"bullmq": "^5.0.0"}}',
    "services/renderer/package-lock.json": '{"lockfileVersion": 3, "packages": {"": {}, '
    '"node_modules/bullmq": {"version": "5.81.0"}}}',
    "services/renderer/.env": f'NODE_ENV=production\nREDIS_HOST=queues.internal\nSECRET="{INTERNAL}"\n'
    f"INTERNAL_API_SECRET=${{SECRET}}\nAPP_KEY={APP_KEY}\n",
    "services/renderer/src/queue.ts": """
import { Queue, Worker } from 'bullmq';

const DAY = 24 * 3600;
const backoff = { type: 'exponential', delay: 1000, jitter: 0.5 };
const options = { attempts: Number(process.env.PDF_ATTEMPTS ?? 5), backoff };
export const queue = new Queue('pdf', {
  connection,
  defaultJobOptions: { ...options, removeOnFail: { age: 7 * DAY } },
} as const);
const worker = new Worker('pdf', async (job) => render(job), { connection, lockDuration: 5 * 60_000 });
process.once('SIGTERM', async () => {
  await worker.close();
});
""",
    "services/renderer/src/store.ts": """
export async function store(key: string, pdf: Buffer): Promise<void> {
  try {
    await s3.send(new PutObjectCommand({ Key: key, Body: pdf }));
  } catch (error) {
    throw new StoreError(key, { cause: error });
  }
}
""",
    "shop/package.json": '{"dependencies": {"nuxt": "^3.13.0"}}',
    "shop/package-lock.json": '{"lockfileVersion": 1, "dependencies": {"nuxt": {"version": "3.13.2"}}}',
    "shop/.env": "PAYMENT_MODE=live\n",
}


def written(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """The directory, with these files in it."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def platform_of(root: Path, files: Mapping[str, str | bytes]) -> Platform:
    """The platform that these files are."""
    return find_applications(open_checkout(written(root, files)))


def judged(root: Path, files: Mapping[str, str | bytes]) -> list[Item]:
    """Every item of the platform that these files are."""
    return judge(platform_of(root, files))
