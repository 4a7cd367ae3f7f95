"""A small platform that is well kept, in other directories than the one that was found."""

from collections.abc import Mapping

from printflow_reliability_tests.posture.as_found import AS_FOUND
from printflow_reliability_tests.posture.secrets import APP_KEY, INTERNAL, LIVE_STRIPE

SENTRY = """
import * as Sentry from '@sentry/nuxt';

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  release: process.env.SENTRY_RELEASE,
  sendDefaultPii: false,
  beforeSend: scrub,
  ignoreErrors: ['AbortError'],
  tracesSampler: ({ name }) => (/health|ready/.test(name) ? 0 : /checkout|admin/.test(name) ? 1 : 0.1),
  replaysSessionSampleRate: 0,
});
Sentry.setUser({ id: customer.uuid });
"""

NODE_LOCK = (
    '{"lockfileVersion": 3, "packages": {"": {}, '
    '"node_modules/bullmq": {"version": "5.81.0"}, "node_modules/@sentry/node": {"version": "9.1.0"}}}'
)

WELL_KEPT: Mapping[str, str] = {
    "composer.json": '{"require": {"php": "^8.3", "laravel/framework": "^12.0", "laravel/horizon": "^5.0", '
    '"sentry/sentry-laravel": "^4.0"}}',
    "composer.lock": '{"packages": [{"name": "laravel/framework", "version": "v12.4.0"}, '
    '{"name": "laravel/horizon", "version": "v5.30.1"}, '
    '{"name": "sentry/sentry-laravel", "version": "4.13.0"}]}',
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
SENTRY_LARAVEL_DSN=https://abc@sentry.invalid/1
SENTRY_RELEASE=2026.11.29
SENTRY_ENVIRONMENT=production
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
    "app/Models/OrderItem.php": r"""<?php
namespace App\Models;

use Illuminate\Database\Eloquent\{Model, SoftDeletes};

class OrderItem extends Model
{
    use SoftDeletes;

    protected function casts(): array
    {
        return ['print_ready_file' => 'string'];
    }
}
""",
    "app/Providers/TenantDisk.php": r"""<?php
namespace App\Providers;

use Illuminate\Support\Facades\Storage;

class TenantDisk
{
    public function of($tenant)
    {
        return Storage::build(['driver' => 's3', 'root' => "tenants/{$tenant->id}", 'throw' => true]);
    }
}
""",
    "app/Http/Middleware/RequestId.php": r"""<?php
namespace App\Http\Middleware;

use Illuminate\Support\Facades\Log;

class RequestId
{
    public function handle($request, $next)
    {
        Log::shareContext(['request_id' => $request->header('X-Request-Id')]);
        return $next($request);
    }
}
""",
    "app/Monitoring/Sampler.php": r"""<?php
namespace App\Monitoring;

class Sampler
{
    public static function rate($context): float
    {
        $path = $context->getTransactionContext()->getName();
        if (preg_match('#^/(readyz|up)#', $path)) {
            return 0.0;
        }
        return preg_match('#^/(checkout|admin)#', $path) ? 1.0 : 0.1;
    }
}
""",
    "config/sentry.php": r"""<?php
return [
    'dsn' => env('SENTRY_LARAVEL_DSN', env('SENTRY_DSN')),
    'release' => env('SENTRY_RELEASE'),
    'environment' => env('SENTRY_ENVIRONMENT'),
    'send_default_pii' => env('SENTRY_SEND_DEFAULT_PII', false),
    'before_send' => [App\Monitoring\Scrubber::class, 'scrub'],
    'traces_sampler' => [App\Monitoring\Sampler::class, 'rate'],
    'ignore_exceptions' => [Illuminate\Validation\ValidationException::class],
    'trace_propagation_targets' => ['pdf-service.internal'],
];
""",
    "config/filesystems.php": """<?php
return [
    'default' => env('FILESYSTEM_DISK', 'files'),
    'disks' => ['files' => ['driver' => 's3', 'bucket' => env('AWS_BUCKET'), 'throw' => true]],
];
""",
    "bootstrap/app.php": r"""<?php
return Application::configure(basePath: dirname(__DIR__))
    ->withRouting(web: 'routes/web.php', health: '/up')
    ->withExceptions(function ($exceptions) {
        \Sentry\Laravel\Integration::handles($exceptions);
    })
    ->create();
""",
    "routes/web.php": r"""<?php
Route::get('/readyz', App\Http\Controllers\Readiness::class)->middleware('auth.probe');
""",
    "database/migrations/2026_01_01_000000_drop_old_artwork.php": AS_FOUND[
        "backend/database/migrations/2026_01_01_000000_drop_old_artwork.php"
    ],
    "infrastructure/main.tf": 'resource "aws_s3_bucket" "print_files" { bucket = "print-files" }\n'
    """
resource "aws_s3_bucket_versioning" "print_files" {
  bucket = aws_s3_bucket.print_files.id
  versioning_configuration {
    status = "Enabled"
  }
}
""",
    "infrastructure/probes.yml": "targets:\n  - https://shop.invalid/readyz\n",
    ".github/workflows/deploy.yml": """
jobs:
  deploy:
    steps:
      - run: printflow backup before-migrate --name ${{ github.sha }}
      - run: php artisan migrate --force
""",
    "services/renderer/package.json": '{"dependencies": {"bullmq": "^5.0.0", "@sentry/node": "^9.0.0"}}',
    "services/renderer/package-lock.json": NODE_LOCK,
    "services/renderer/src/sentry.ts": SENTRY.replace("@sentry/nuxt", "@sentry/node"),
    "services/renderer/src/probes.ts": """
app.get('/livez', (request, response) => response.json({ alive: true }));
app.get('/readyz', requireToken, readiness);
""",
    "services/renderer/.env": f'NODE_ENV=production\nREDIS_HOST=queues.internal\nSECRET="{INTERNAL}"\n'
    f"INTERNAL_API_SECRET=${{SECRET}}\nAPP_KEY={APP_KEY}\nSENTRY_RELEASE=2026.11.29\nSENTRY_ENVIRONMENT=production\n",
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
    "shop/package.json": '{"dependencies": {"nuxt": "^3.13.0", "@sentry/nuxt": "^9.0.0"}}',
    "shop/sentry.client.config.ts": SENTRY,
    "shop/nuxt.config.ts": "export default defineNuxtConfig({ modules: ['@sentry/nuxt/module'] });\n",
    "shop/package-lock.json": '{"lockfileVersion": 1, "dependencies": {"nuxt": {"version": "3.13.2"}, '
    '"@sentry/nuxt": {"version": "9.1.0"}}}',
    "shop/.env": "PAYMENT_MODE=live\nNUXT_PUBLIC_SENTRY_RELEASE=2026.11.29\n"
    "NUXT_PUBLIC_SENTRY_ENVIRONMENT=production\n",
}
