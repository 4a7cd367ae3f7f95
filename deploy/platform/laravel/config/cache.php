<?php

// The cache is on a server that may evict; locks hold on every host.
return [
    'default' => env('CACHE_STORE', 'redis'),

    'stores' => [
        'redis' => ['driver' => 'redis', 'connection' => 'cache', 'lock_connection' => 'default'],
    ],

    'prefix' => 'cache:',
];
