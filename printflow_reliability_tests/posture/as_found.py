"""A small platform as the action plan found it."""

from collections.abc import Mapping

from printflow_reliability_tests.posture.secrets import APP_KEY, INTERNAL, LIVE_AWS, LIVE_STRIPE

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
    "backend/config/filesystems.php": """<?php
return [
    'default' => env('FILESYSTEM_DISK', 's3'),
    'disks' => [
        'local' => ['driver' => 'local'],
        's3' => ['driver' => 's3', 'bucket' => env('AWS_BUCKET'), 'throw' => false],
    ],
];
""",
    "backend/app/Models/OrderItem.php": r"""<?php
namespace App\Models;

use Illuminate\Database\Eloquent\Model;

class OrderItem extends Model
{
    protected $fillable = ['order_id', 'print_ready_file'];
}
""",
    "backend/bootstrap/app.php": """<?php
return Application::configure(basePath: dirname(__DIR__))->withRouting(web: 'routes/web.php', health: '/up')->create();
""",
    "backend/routes/web.php": """<?php
Route::get('/ping', fn () => DB::select('SELECT 1'));
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
app.get('/livez', async (request, response) => response.json(await redis.ping()));

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

RED = {
    "app_env": "backend/.env:2",
    "app_debug": "backend/.env:3",
    "session_store": "backend/.env:7",
    "stand_in": "backend/.env:9",
    "live_keys": "backend/.env:10",
    "node_env": "pdf-service/.env:1",
    "shared_secret": "pdf-service/.env",
    "queue_connection": "backend/.env:6",
    "after_commit": "backend/config/queue.php:5",
    "retry_after": "backend/config/queue.php:5",
    "horizon": "backend/composer.json",
    "print_queue": "backend/composer.json",
    "queue_redis": "backend/config/queue.php:5",
    "pdf_redis": "pdf-service/.env",
    "strict_mode": "backend/config/pdf_service.php:4",
    "delegation": "backend/config/pdf_service.php:3",
    "bullmq_attempts": "pdf-service/src/queue.js:4",
    "bullmq_backoff": "pdf-service/src/queue.js:3",
    "bullmq_remove_on_fail": "pdf-service/src/queue.js:4",
    "bullmq_lock_duration": "pdf-service/src/queue.js:5",
    "bullmq_close": "pdf-service/package.json",
    "outside_call": "backend/app/Jobs/GeneratePrintFile.php:14",
    "job_tries": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_backoff": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_timeout": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_fail_on_timeout": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_failed": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_unique": "backend/app/Jobs/GeneratePrintFile.php:8",
    "job_throttled": "backend/app/Jobs/GeneratePrintFile.php:8",
    "silent_skip": "backend/app/Services/ArtworkDownload.php:11",
    "swallowed_error": "backend/app/Jobs/GeneratePrintFile.php:17",
    "disk_throws": "backend/config/filesystems.php:6",
    "tenant_disks": "backend/config/filesystems.php",
    "soft_deletes": "backend/app/Models/OrderItem.php:6",
    "monitored": "backend/composer.json",
    "one_release": "the checkout",
    "request_id": "backend",
    "readiness": "backend",
    "liveness": "pdf-service/src/render.js:2",
    "watched": "the checkout",
    "lock_file": "backend/composer.lock",
    "infrastructure_as_code": "the checkout",
    "backup_before_migrate": "deploy.sh:2",
}
"""What is wrong with the platform as it was found, and the first place of each."""
