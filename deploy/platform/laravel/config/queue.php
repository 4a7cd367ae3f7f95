<?php

// Queues are on a Redis of their own. A job is dispatched after the transaction that made its order.
return [
    'default' => env('QUEUE_CONNECTION', 'redis'),

    'connections' => [
        'redis' => [
            'driver' => 'redis',
            'connection' => 'queues',
            'queue' => 'default',
            // Above the longest timeout of any job and supervisor (600 s), or a job is begun again while it runs.
            'retry_after' => 660,
            'block_for' => 5,
            'after_commit' => true,
        ],
    ],

    'batching' => ['database' => env('DB_CONNECTION', 'pgsql'), 'table' => 'job_batches'],

    'failed' => [
        'driver' => 'database-uuids',
        'database' => env('DB_CONNECTION', 'pgsql'),
        'table' => 'failed_jobs',
    ],
];
