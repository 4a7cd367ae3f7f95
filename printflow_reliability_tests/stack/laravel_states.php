<?php
/*
 * Laravel's own word on its queues: its code puts jobs into every state, and says how many there are, as JSON.
 *
 * The first line of standard input is a document: the port and password of a Redis, and the DSN of a database with the
 * tables `jobs` and `failed_jobs`, or null.
 */

require_once 'Illuminate/Queue/autoload.php';
require_once 'Illuminate/Redis/autoload.php';
require_once 'Illuminate/Database/autoload.php';
require_once 'Predis/Autoloader.php';
Predis\Autoloader::register();

use Illuminate\Container\Container;
use Illuminate\Queue\DatabaseQueue;
use Illuminate\Queue\RedisQueue;
use Illuminate\Redis\RedisManager;

$wanted = json_decode(fgets(STDIN), true);

class MakePrintFile
{
    public int $tries = 1;
    protected int $orderId;

    public function __construct(int $orderId)
    {
        $this->orderId = $orderId;
    }
}

function states($queue, string $name): array
{
    foreach ([1, 2, 3] as $number) {
        $queue->push(new MakePrintFile($number), '', $name);
    }
    $queue->later(3600, new MakePrintFile(4), '', $name);
    $queue->later(-30, new MakePrintFile(5), '', $name);
    // Two workers take a job each; with a retry_after of 1 s one of them is lost. A pop moves what is due into the line.
    $queue->pop($name);
    $queue->pop($name)->release(3600);
    return ['size' => $queue->size($name)];
}

$container = new Container();
$container->instance('config', ['app.key' => null]);
Container::setInstance($container);
Illuminate\Support\Facades\Facade::setFacadeApplication($container);
$container->bind(Illuminate\Contracts\Events\Dispatcher::class, fn () => null);

$server = ['host' => '127.0.0.1', 'port' => $wanted['port'], 'password' => $wanted['password'], 'database' => 0];
$redis = new RedisManager($container, 'predis', ['options' => ['prefix' => 'shop_database_'], 'default' => $server]);
$queue = new RedisQueue($redis, 'default', 'default', 90);
$queue->setContainer($container);
$said = ['print [*] files' => states($queue, 'print [*] files')];

if ($wanted['dsn']) {
    $pdo = new PDO($wanted['dsn'], null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $connection = new Illuminate\Database\PostgresConnection($pdo);
    $database = new DatabaseQueue($connection, 'jobs', 'default', 90);
    $database->setContainer($container);
    $said['database'] = states($database, $wanted['queue']);
    $failed = new Illuminate\Queue\Failed\DatabaseUuidFailedJobProvider(
        new class($connection) implements Illuminate\Database\ConnectionResolverInterface {
            private $one;
            public function __construct($one) { $this->one = $one; }
            public function connection($name = null) { return $this->one; }
            public function getDefaultConnection() { return 'one'; }
            public function setDefaultConnection($name) {}
        },
        'one',
        'failed_jobs'
    );
    $payload = $database->pop($wanted['queue'])->getRawBody();
    $failed->log('database', $wanted['queue'], $payload, new RuntimeException('no such font'));
    $said['database']['failed'] = count($failed->all());
}
echo json_encode($said), "\n";
