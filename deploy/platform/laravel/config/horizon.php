<?php

// Print files have a queue and a supervisor of their own: they never wait behind mails and thumbnails.
return [
    'use' => 'queues',
    'prefix' => 'horizon:',
    'path' => 'horizon',
    'middleware' => ['web'],

    // Seconds that a job may wait before Horizon says so.
    'waits' => ['redis:print' => 300, 'redis:default' => 900],

    // Minutes that jobs are kept: failed ones for a week, so that a person who was away finds them.
    'trim' => ['recent' => 60, 'pending' => 10080, 'completed' => 60, 'recent_failed' => 10080, 'failed' => 10080, 'monitored' => 10080],

    'fast_termination' => false,
    'memory_limit' => 128,

    'defaults' => [
        'general' => [
            'connection' => 'redis',
            'queue' => ['default', 'mails'],
            'balance' => 'auto',
            'tries' => 3,
            'timeout' => 600,
            'memory' => 256,
        ],
        'print' => [
            'connection' => 'redis',
            'queue' => ['print'],
            'balance' => 'simple',
            'tries' => 5,
            'timeout' => 600,
            'memory' => 512,
        ],
    ],

    'environments' => [
        'production' => [
            'general' => ['minProcesses' => 1, 'maxProcesses' => 8],
            'print' => ['processes' => 4],
        ],
    ],
];
