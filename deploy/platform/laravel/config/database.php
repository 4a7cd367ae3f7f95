<?php

// Two Redis servers: what is queued must stay, what is cached may go. A number of a database does not keep them apart.
return [
    'default' => env('DB_CONNECTION', 'pgsql'),

    'connections' => [
        'pgsql' => [
            'driver' => 'pgsql',
            'host' => env('DB_HOST'),
            'port' => env('DB_PORT', '5432'),
            'database' => env('DB_DATABASE'),
            'username' => env('DB_USERNAME'),
            'password' => env('DB_PASSWORD'),
            'charset' => 'utf8',
            'search_path' => 'public',
            'sslmode' => 'verify-full',
        ],
    ],

    'migrations' => ['table' => 'migrations', 'update_date_on_publish' => true],

    'redis' => [
        'client' => 'phpredis',
        // No prefix here: Horizon and printflow have their own.
        'options' => ['prefix' => ''],
        'queues' => [
            'host' => env('REDIS_QUEUE_HOST'),
            'port' => env('REDIS_QUEUE_PORT', '6380'),
            'username' => env('REDIS_QUEUE_USERNAME'),
            'password' => env('REDIS_QUEUE_PASSWORD'),
            'database' => 0,
        ],
        'default' => [
            'host' => env('REDIS_HOST'),
            'port' => env('REDIS_PORT', '6379'),
            'password' => env('REDIS_PASSWORD'),
            'database' => 0,
        ],
        'cache' => [
            'host' => env('REDIS_HOST'),
            'port' => env('REDIS_PORT', '6379'),
            'password' => env('REDIS_PASSWORD'),
            'database' => 1,
        ],
    ],
];
