<?php

// The classes are in docs/platform/monitoring.md.
return [
    'dsn' => env('SENTRY_LARAVEL_DSN'),
    'release' => env('SENTRY_RELEASE'),
    'environment' => env('SENTRY_ENVIRONMENT', 'production'),

    'sample_rate' => 1.0,
    'send_default_pii' => false,
    'before_send' => [App\Monitoring\Scrubber::class, 'scrub'],
    'traces_sampler' => [App\Monitoring\Sampler::class, 'rate'],
    'ignore_exceptions' => [
        Illuminate\Auth\AuthenticationException::class,
        Illuminate\Validation\ValidationException::class,
        Symfony\Component\HttpKernel\Exception\NotFoundHttpException::class,
    ],
    // The trace goes on to the pdf-service, and to nobody else.
    'trace_propagation_targets' => ['pdf-service.internal'],
    'breadcrumbs' => ['logs' => true, 'sql_queries' => true, 'sql_bindings' => false],
    'tracing' => ['queue_job_transactions' => true, 'sql_bindings' => false],
];
