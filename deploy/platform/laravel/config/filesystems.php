<?php

// throw: an error of the store is an exception. Without it Laravel answers false, and nobody looks at that.
return [
    'default' => env('FILESYSTEM_DISK', 's3'),

    'disks' => [
        's3' => [
            'driver' => 's3',
            'key' => env('AWS_ACCESS_KEY_ID'),
            'secret' => env('AWS_SECRET_ACCESS_KEY'),
            'region' => env('AWS_DEFAULT_REGION'),
            'bucket' => env('AWS_BUCKET'),
            'throw' => true,
        ],
    ],
];
