<?php

return [
    // strict_mode: where the pdf-service is away, the job is tried again. Another renderer prints something else.
    'pdf' => [
        'url' => env('PDF_SERVICE_URL'),
        'secret' => env('INTERNAL_API_SECRET'),
        'enabled' => env('PDF_SERVICE_ENABLED', true),
        'strict_mode' => env('PDF_SERVICE_STRICT', true),
    ],

    'printflow' => ['url' => env('PRINTFLOW_URL'), 'token' => env('PRINTFLOW_TOKEN')],

    'readiness' => ['token' => env('READINESS_TOKEN')],

    'scheduler' => ['heartbeat_url' => env('SCHEDULER_HEARTBEAT_URL')],

    'stripe' => ['secret' => env('STRIPE_SECRET')],
];
