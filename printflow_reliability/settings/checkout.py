"""`[checkout]`: a customer's path through a shop, tried for real in a tenant of its own whose payments are tests."""

import re
from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from printflow_reliability.addresses import ShopUrl
from printflow_reliability.settings.section import Section

ORDER = "{order}"
"""What stands for the order's number in a path, a selector or an expected text."""
CRON_FIELD = re.compile(r"(\*|\d{1,2}(-\d{1,2})?)(/[1-9]\d?)?(,(\*|\d{1,2}(-\d{1,2})?)(/[1-9]\d?)?)*")
CRON_LIMITS = (59, 23)
"""The largest minute and hour."""


class CheckoutActionSettings(Section):
    """What a browser does once."""

    name: str = Field(min_length=1, max_length=60, description="What the report calls the step; unique.")
    kind: Literal["open", "click", "fill", "select", "wait", "download"] = Field(
        description="What is done: `open` a `path`, `click` a `selector`, `fill` it with a `value` or `select` the "
        "option of that value, `wait` for what is expected, or `download` what a link or button gives."
    )
    path: str | None = Field(default=None, description="What is opened, below `base_url`; it begins with a slash.")
    selector: str | None = Field(default=None, description="The element that is meant.")
    value: str | None = Field(
        default=None,
        description="What is filled in, or the value of the option. Write env: or file: for a password; it is covered "
        "on screenshots.",
    )
    expect: str | None = Field(default=None, description="Text that must be seen on the page afterwards.")
    expect_selector: str | None = Field(default=None, description="An element that must be visible afterwards.")
    limit_seconds: float = Field(
        default=15, gt=0, le=300, description="How long the step may take, with what it waits for."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {
            "open": ("path",),
            "click": ("selector",),
            "fill": ("selector", "value"),
            "select": ("selector", "value"),
            "download": ("selector",),
            "wait": (),
        }[self.kind]
        if lacking := next((name for name in needed if getattr(self, name) is None), None):
            raise ValueError(f'step "{self.name}": {self.kind} needs a {lacking}')
        if self.kind == "wait" and self.expect is None and self.expect_selector is None:
            raise ValueError(f'step "{self.name}": wait needs expect or expect_selector')
        if self.path is not None and (not self.path.startswith("/") or self.path.startswith("//")):
            raise ValueError(f'step "{self.name}": path begins with a slash, and stays below base_url')
        return self

    @property
    def names_the_order(self) -> bool:
        """Whether it needs the order's number."""
        texts = (self.path, self.selector, self.expect, self.expect_selector)
        return any(ORDER in text for text in texts if text is not None)


class CheckoutStepSettings(CheckoutActionSettings):
    """A step of the browser on the way to the download, in the order of the file.

    A selector is CSS, or another that Playwright knows (`text=Pay now`). It must name one element alone, so that
    nothing else is clicked. `{order}` in a path, a selector or an expected text is the order's number.
    """

    payment: bool = Field(
        default=False,
        description="Whether this step pays. There is one such step, a click, and it is carried out only where "
        "`checkout.test_mode` is proven.",
    )

    @model_validator(mode="after")
    def _pays_by_a_click(self) -> Self:
        if self.payment and self.kind != "click":
            raise ValueError(f'step "{self.name}": the step that pays is a click')
        return self


class CheckoutCancelSettings(CheckoutActionSettings):
    """A step of the platform's own cancel, for each order that is open at the end; as `[[checkout.step]]`."""


class CheckoutTestModeSettings(Section):
    """What proves that the shop's payment account is in test mode. At least one of `selector` and `path` is needed.

    A proof by `path` is asked for before the first step, and every proof once more just before the step that pays.
    Without proof nothing is paid.
    """

    selector: str | None = Field(
        default=None,
        description="The elements of the page that pays which hold the payment account's public key. Each must begin "
        "with `prefix`.",
    )
    attribute: str | None = Field(
        default=None, description="The attribute that holds the key. Absent: the element's own text."
    )
    path: str | None = Field(
        default=None, description="Path below `base_url` that answers with a JSON document which holds the key."
    )
    member: str = Field(
        default="publishable_key",
        description="Where in that document the key is, with dots between the names: `stripe.publishable_key`.",
    )
    prefix: str = Field(default="pk_test_", min_length=4, description="What a key in test mode begins with.")
    live_prefixes: tuple[str, ...] = Field(
        default=("pk_live_", "sk_live_", "rk_live_"),
        description="What keys in live mode begin with. A page that holds one is not paid on, and a request that "
        "carries one is not sent.",
    )

    @model_validator(mode="after")
    def _some_proof(self) -> Self:
        if self.selector is None and self.path is None:
            raise ValueError("names neither a selector nor a path, so that nothing would prove test mode")
        if self.path is not None and (not self.path.startswith("/") or self.path.startswith("//")):
            raise ValueError("path begins with a slash, and stays below base_url")
        if any(live.startswith(self.prefix) or self.prefix.startswith(live) for live in self.live_prefixes if live):
            raise ValueError("prefix is that of live mode")
        return self


class CheckoutSettings(Section):
    """An order that is placed, paid in test mode, made, inspected, downloaded and cancelled, to see that customers can.

    It needs a tenant of its own, whose payment account is in test mode, and the extra `checkout` with a Chromium
    (docs/platform/checkout.md). The guard answers 409 for that tenant's orders, always. Without this table nothing is
    tried.
    """

    tenant: str = Field(description="The UUID of the tenant that only this uses. Its orders are never printed.")
    base_url: ShopUrl = Field(
        description="Address of that tenant's shop, such as https://synthetic.example/shop: https, or http on a "
        "loopback address."
    )
    orders: str = Field(
        description="Query that is given the tenant as %(tenant)s and returns `order`, `status`, `paid_at` and `key` "
        "for each item of its orders, in the cluster of `orders`, paid or not. Orders whose status is none of "
        "`orders.ended` are cancelled at the end. Leave out orders of earlier days if they are many."
    )
    order_before_payment: bool = Field(
        default=True,
        description="Whether the platform makes the order before it is paid. It is then looked up before the payment: "
        "that the order is the tenant's own proves whose shop this is. Set it to false only where orders are made by "
        "their payment.",
    )
    paid_within_seconds: float = Field(
        default=60, gt=0, le=3600, description="How long the order may take to be paid, and to be cancelled."
    )
    artwork_within_seconds: float = Field(
        default=120, gt=0, le=3600, description="How long after that its print files may take to be made and linked."
    )
    schedule: str | None = Field(
        default=None,
        description="When Dagster tries it, in UTC: minute and hour as in cron, then three stars, such as "
        '"20 * * * *". Absent: only when somebody starts it.',
    )
    browser: Path | None = Field(
        default=None, description="The Chromium to use. Absent: chromium or Chrome as PATH has it."
    )
    browser_sandbox: bool = Field(
        default=True,
        description="Whether Chromium confines its pages with its own sandbox. It cannot as root, and is then without. "
        "Set it to false in a container that allows no user namespaces.",
    )
    directory: Path = Field(
        default=Path("checkout"),
        description="Directory of the newest screenshots where `drills.reports_bucket` is absent.",
    )
    test_mode: CheckoutTestModeSettings
    step: tuple[CheckoutStepSettings, ...] = Field(min_length=1)
    cancel: tuple[CheckoutCancelSettings, ...] = Field(min_length=1)

    @field_validator("tenant")
    @classmethod
    def _uuid(cls, tenant: str) -> str:
        try:
            return str(UUID(tenant))
        except ValueError:
            raise ValueError("is not a UUID") from None

    @field_validator("orders")
    @classmethod
    def _of_the_tenant(cls, query: str) -> str:
        if "%(tenant)s" not in query:
            raise ValueError("holds no %(tenant)s, so that other tenants' orders would be cancelled")
        return query

    @field_validator("schedule")
    @classmethod
    def _daily_at_least(cls, schedule: str | None) -> str | None:
        if schedule is None:
            return None
        fields = schedule.split()
        sound = len(fields) == 5 and fields[2:] == ["*"] * 3
        for field, largest in zip(fields, CRON_LIMITS, strict=False):
            numbers = [int(number) for number in re.findall(r"\d+", field)]
            backwards = [bounds for bounds in re.findall(r"(\d+)-(\d+)", field) if int(bounds[0]) > int(bounds[1])]
            sound = (
                sound
                and not backwards
                and bool(CRON_FIELD.fullmatch(field))
                and all(number <= largest for number in numbers)
            )
        if not sound:
            raise ValueError('is no minute and hour with three stars behind them; write "20 * * * *"')
        return schedule

    @model_validator(mode="after")
    def _a_whole_path(self) -> Self:
        names = [step.name for step in (*self.step, *self.cancel)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f'the step "{twice}" is given twice; names are unique')
        paying = [place for place, step in enumerate(self.step) if step.payment]
        if len(paying) != 1:
            raise ValueError("step: exactly one has payment = true")
        if self.step[0].kind != "open":
            raise ValueError("step: the first one opens a page")
        if early := next((step.name for step in self.step[: paying[0] + 1] if step.names_the_order), None):
            raise ValueError(f'step "{early}": {ORDER} is known only after the payment')
        if not any(step.kind == "download" for step in self.step[paying[0] :]):
            raise ValueError("step: none after the payment is a download")
        return self
