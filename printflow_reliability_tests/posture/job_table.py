"""Job classes labelled by hand: for each, what the queue of Laravel really makes of one setting."""

from dataclasses import dataclass

from printflow_reliability.checks import Outcome

GOOD, DOUBTFUL, WRONG, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN

HEAD = r"""<?php
namespace App\Jobs;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Contracts\Queue\{ShouldBeUnique, ShouldBeUniqueUntilProcessing as UntilProcessing};
use Illuminate\Foundation\Queue\Queueable;
use Illuminate\Queue\Attributes\Tries;
use Illuminate\Queue\Attributes as Queue;
use Illuminate\Queue\Middleware\ThrottlesExceptions;
use Illuminate\Support\Facades\Http;
use Vendor\Package\Job as VendorJob;
use Vendor\Package\Bounded;
"""


@dataclass(frozen=True)
class Label:
    """A job class and how a setting of it is to be judged; `framework` is the major version of Laravel."""

    php: str
    kind: str
    outcome: Outcome
    framework: int | None = 12


def job(body: str = "", *, head: str = "", clause: str = "implements ShouldQueue", attributes: str = "") -> str:
    """A file with the job class `Job`, and what stands before it."""
    members = f"    use Queueable;\n{body}\n    public function handle() {{}}\n"
    return f"{HEAD}{head}\n{attributes}\nclass Job {clause}\n{{\n{members}}}\n"


BASE = "abstract class Base implements ShouldQueue {{ {} }}"
TRAIT = "trait Limits {{ {} }}"


def tries(body: str, outcome: Outcome, framework: int | None = 12, **around: str) -> Label:
    return Label(job(body, **around), "job_tries", outcome, framework)


def timeout(body: str, outcome: Outcome, framework: int | None = 12, **around: str) -> Label:
    return Label(job(body, **around), "job_timeout", outcome, framework)


def backoff(body: str, outcome: Outcome, **around: str) -> Label:
    return Label(job(body, **around), "job_backoff", outcome)


def labelled(kind: str, body: str, outcome: Outcome, **around: str) -> Label:
    return Label(job(body, **around), kind, outcome)


LABELS = {
    # tries: property, promoted parameter, method, attribute, parent, trait
    "tries property": tries("public $tries = 3;", GOOD),
    "tries typed property": tries("public int $tries = 3;", GOOD),
    "tries var": tries("var $tries = 3;", GOOD),
    "tries readonly promoted with a default": tries(
        "public function __construct(public readonly int $tries = 4) {}", GOOD
    ),
    "tries promoted without a default": tries("public function __construct(public int $tries) {}", UNKNOWN),
    "tries assigned in the constructor": tries(
        "public $tries; public function __construct() { $this->tries = 2; }", GOOD
    ),
    "tries assigned under a condition": tries(
        "public $tries = 1; public function __construct($a) { if ($a) { $this->tries = 9; } }", UNKNOWN
    ),
    "tries from configuration": tries(
        "public $tries; public function __construct() { $this->tries = config('a'); }", UNKNOWN
    ),
    "tries method": tries("public function tries(): int { return 5; }", GOOD),
    "tries method that computes": tries("public function tries() { return $this->order->tries(); }", UNKNOWN),
    "tries method that returns nothing": tries("public function tries() {}", WRONG),
    "tries constant": tries("const MOST = 3; public $tries = self::MOST;", GOOD),
    "tries constant of a parent": tries(
        "public $tries = parent::MOST;", GOOD, head=BASE.format("const MOST = 3;"), clause="extends Base"
    ),
    "tries constant of a vendor's class": tries("public $tries = VendorJob::MOST;", UNKNOWN),
    "tries computed of literals": tries("public $tries = 2 * 3;", GOOD),
    "tries missing": tries("", WRONG),
    "tries zero, which is without end": tries("public $tries = 0;", WRONG),
    "tries null": tries("public ?int $tries = null;", WRONG),
    "tries typed and never set": tries("public int $tries;", WRONG),
    "tries of a protected property": tries("protected $tries = 3;", WRONG),
    "tries of a private promoted parameter": tries("public function __construct(private int $tries = 3) {}", WRONG),
    "tries of a static property": tries("public static $tries = 3;", WRONG),
    "tries in a comment": tries("// public $tries = 3;", WRONG),
    "tries in a string": tries("public $note = 'public $tries = 3;';", WRONG),
    "tries of a local variable": tries("public function other() { $tries = 3; }", WRONG),
    "tries of another name": tries("public $maxTries = 3;", WRONG),
    "tries as a word": tries("public $tries = 'many';", WRONG),
    "tries by time": tries("public function retryUntil() { return now()->addHour(); }", GOOD),
    "tries by time, empty": tries("public function retryUntil() {}", WRONG),
    "tries of the parent": tries("", GOOD, head=BASE.format("public $tries = 3;"), clause="extends Base"),
    "tries of the parent's trait": tries(
        "", GOOD, head=TRAIT.format("public $tries = 3;") + BASE.format("use Limits;"), clause="extends Base"
    ),
    "tries of a trait": tries("use Limits;", GOOD, head=TRAIT.format("public $tries = 3;")),
    "tries of a trait of a trait": tries(
        "use Limits;", GOOD, head="trait Inner { public $tries = 3; }" + TRAIT.format("use Inner;")
    ),
    "tries that the class takes back": tries(
        "public $tries = 0;", WRONG, head=BASE.format("public $tries = 3;"), clause="extends Base"
    ),
    "tries of a vendor's parent": tries("", UNKNOWN, clause="extends VendorJob implements ShouldQueue"),
    "tries of a vendor's trait": tries("use Bounded;", UNKNOWN),
    "tries beside a vendor's trait": tries("use Bounded; public $tries = 3;", GOOD),
    "tries attribute": tries("", GOOD, 13, attributes="#[Tries(3)]"),
    "tries attribute by an alias": tries("", GOOD, 13, attributes="#[Queue\\Tries(3)]"),
    "tries attribute by its full name": tries("", GOOD, 13, attributes="#[\\Illuminate\\Queue\\Attributes\\Tries(3)]"),
    "tries attribute with a name": tries("", GOOD, 13, attributes="#[Tries(tries: 3)]"),
    "tries attribute in a group": tries("", GOOD, 13, attributes="#[Queue\\Timeout(60), Tries(3)]"),
    "tries attribute of the parent": tries("", GOOD, 13, head="#[Tries(3)] " + BASE.format(""), clause="extends Base"),
    "tries attribute that this Laravel does not read": tries("", WRONG, 11, attributes="#[Tries(3)]"),
    "tries attribute where Laravel is not known": tries("", UNKNOWN, None, attributes="#[Tries(3)]"),
    "tries attribute of another vendor": tries("", WRONG, 13, attributes="#[\\Vendor\\Tries(3)]"),
    # timeout: read from the property only, and below the worker's 60 seconds
    "timeout property": timeout("public $timeout = 30;", GOOD),
    "timeout of the parent": timeout("", GOOD, head=BASE.format("public int $timeout = 50;"), clause="extends Base"),
    "timeout as long as the worker's": timeout("public $timeout = 60;", WRONG),
    "timeout above the worker's": timeout("public $timeout = 60 * 5;", WRONG),
    "timeout missing": timeout("", WRONG),
    "timeout zero, which is none": timeout("public $timeout = 0;", WRONG),
    "timeout by a method, which nobody asks": timeout("public function timeout() { return 30; }", WRONG),
    "timeout with digits in groups": timeout("public $timeout = 0_030;", GOOD),
    "timeout attribute": timeout("", GOOD, 13, attributes="#[Queue\\Timeout(30)]"),
    "timeout of the environment": timeout(
        "public $timeout; public function __construct() { $this->timeout = (int) env('T', 30); }", UNKNOWN
    ),
    # backoff: with chance in it
    "backoff with chance": backoff("public function backoff() { return 10 + random_int(0, 9); }", GOOD),
    "backoff with chance in a list": backoff(
        "public function backoff(): array { return [rand(1, 3), mt_rand(9, 12)]; }", GOOD
    ),
    "backoff with chance in a statement": backoff(
        "public function backoff() { $jitter = mt_rand(0, 5); return 10 + $jitter; }", GOOD
    ),
    "backoff property": backoff("public $backoff = 10;", DOUBTFUL),
    "backoff list": backoff("public $backoff = [1, 5, 10];", DOUBTFUL),
    "backoff method": backoff("public function backoff() { return [1, 5]; }", DOUBTFUL),
    "backoff missing": backoff("", WRONG),
    "backoff zero": backoff("public $backoff = 0;", WRONG),
    "backoff of an empty list": backoff("public $backoff = [];", WRONG),
    "backoff that computes": backoff("public function backoff() { return $this->plan->seconds(); }", UNKNOWN),
    "backoff of a trait": backoff(
        "use Limits;", GOOD, head=TRAIT.format("public function backoff() { return rand(1, 9); }")
    ),
    # failOnTimeout
    "failOnTimeout true": labelled("job_fail_on_timeout", "public $failOnTimeout = true;", GOOD),
    "failOnTimeout false": labelled("job_fail_on_timeout", "public $failOnTimeout = false;", WRONG),
    "failOnTimeout missing": labelled("job_fail_on_timeout", "", WRONG),
    "failOnTimeout by a method": labelled(
        "job_fail_on_timeout", "public function failOnTimeout() { return true; }", WRONG
    ),
    "failOnTimeout attribute": Label(job(attributes="#[Queue\\FailOnTimeout]"), "job_fail_on_timeout", GOOD, 13),
    # failed()
    "failed that holds": labelled("job_failed", "public function failed($e) { $this->order->hold(); }", GOOD),
    "failed that is empty": labelled("job_failed", "public function failed($e) {}", WRONG),
    "failed with a comment alone": labelled(
        "job_failed", "public function failed($e) { /* later */ // todo\n }", WRONG
    ),
    "failed missing": labelled("job_failed", "", WRONG),
    "failed of the parent": labelled(
        "job_failed", "", GOOD, head=BASE.format("public function failed($e) { report($e); }"), clause="extends Base"
    ),
    "failed that empties the parent's": labelled(
        "job_failed",
        "public function failed($e) {}",
        WRONG,
        head=BASE.format("public function failed($e) { report($e); }"),
        clause="extends Base",
    ),
    "failed of a trait": labelled(
        "job_failed", "use Limits;", GOOD, head=TRAIT.format("function failed($e) { report($e); }")
    ),
    "failed of a vendor's trait": labelled("job_failed", "use Bounded;", UNKNOWN),
    # uniqueness
    "unique": labelled("job_unique", "", GOOD, clause="implements ShouldQueue, ShouldBeUnique"),
    "unique by an alias": labelled("job_unique", "", GOOD, clause="implements ShouldQueue, UntilProcessing"),
    "unique by the full name": labelled(
        "job_unique", "", GOOD, clause="implements ShouldQueue, \\Illuminate\\Contracts\\Queue\\ShouldBeUnique"
    ),
    "unique by an interface of its own": labelled(
        "job_unique",
        "",
        GOOD,
        head="interface PrintJob extends ShouldQueue, ShouldBeUnique {}",
        clause="implements PrintJob",
    ),
    "unique by a key of its own": labelled("job_unique", "public string $idempotencyKey = '';", GOOD),
    "uniqueId without the interface": labelled("job_unique", "public function uniqueId() { return 'a'; }", WRONG),
    "not unique": labelled("job_unique", "", WRONG),
    "unique of another vendor": labelled(
        "job_unique", "", WRONG, clause="implements ShouldQueue, \\Vendor\\ShouldBeUnique"
    ),
    # outside calls
    "outside call, throttled": labelled(
        "job_throttled",
        "public function middleware() { return [(new ThrottlesExceptions(3, 60))->by('a')]; } "
        "public function send() { Http::timeout(5)->get('a'); }",
        GOOD,
    ),
    "outside call, bare": labelled("job_throttled", "public function send() { Http::timeout(5)->get('a'); }", WRONG),
    "outside call of a library": labelled(
        "job_throttled", "public function pay() { new \\Stripe\\StripeClient('a'); }", WRONG
    ),
    "outside call with another middleware": labelled(
        "job_throttled",
        "public function middleware() { return [new RateLimited('a')]; } public function send() { Http::get('a'); }",
        WRONG,
    ),
}
