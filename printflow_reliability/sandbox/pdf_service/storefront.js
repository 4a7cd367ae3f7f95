/**
 * A small shop of one tenant: sign in, product, cart, checkout, payment in test mode, order, download, cancel.
 *
 * What it writes and where is its configuration: statements for its database, and a function that has a print file made.
 * So the sandbox's pdf-service has it beside itself (service.js), and another platform runs it alone (shop.js).
 */
"use strict";

const { randomBytes } = require("node:crypto");

const FAULTS = ["payment_hangs", "live_key", "sends_live_key", "download_error_page", "other_customer", "javascript_throws", "cancel_fails"];
const MOST_BYTES = 65536;
const TEST_CARD = "4242424242424242";

/**
 * A handler of requests below `base`; it answers whether the request was for it.
 *
 * @param {object} shop base, password, key (the payment account's public key), statements (open, product, place, pay,
 *   order, others, cancel), ask(statement, values), printFile({order, item, tenant}), fetchFile(key), tenant.
 */
function storefront(shop) {
  const sessions = new Map(); // by cookie: the cart
  let faults = [];
  let opened = null;

  const ask = async (name, values) => (await shop.ask(shop.statements[name], values)).rows;

  /** The tenant, its product and its customer, made at the first visit. */
  function open() {
    opened ??= ask("open", [shop.tenant]).catch((error) => {
      opened = null;
      throw error;
    });
    return opened;
  }

  async function product(_request, response) {
    const throws = faults.includes("javascript_throws") ? "window.nobody.knows();" : "";
    const script = `${throws} document.querySelector("#add").addEventListener("click", async () => {
      await fetch("${shop.base}/cart", { method: "POST" });
      document.querySelector("#count").textContent = "1 item in the cart";
    });`;
    page(response, "Business cards", `<button id="add">Add to cart</button> <span id="count"></span>
      <a id="cart" href="${shop.base}/cart">Cart</a><script>${script}</script>`);
  }

  async function signIn(request, response) {
    if (request.method === "GET") {
      return page(response, "Sign in", form("/sign-in", `<input id="password" name="password" type="password">
        <button id="sign-in">Sign in</button>`));
    }
    const given = new URLSearchParams(await bodyOf(request));
    if (given.get("password") !== shop.password) return page(response, "Wrong password", "", 401);
    const session = randomBytes(16).toString("hex");
    sessions.set(session, { items: 0 });
    const cookie = `session=${session}; HttpOnly; SameSite=Strict; Path=${shop.base || "/"}`;
    return response.writeHead(303, { "Set-Cookie": cookie, Location: `${shop.base}/` }).end();
  }

  async function cart(request, response, session) {
    if (request.method === "POST") {
      session.items += 1;
      return response.writeHead(204).end();
    }
    const ready = session.items ? '<button id="checkout">Checkout</button>' : "The cart is empty";
    return page(response, "Cart", form("/checkout", `<input id="email" name="email" value=""> ${ready}`));
  }

  /** The order is made before it is paid, as the platform's own checkout does. */
  async function checkout(_request, response, session) {
    await open();
    const [{ order }] = await ask("place", [shop.tenant]);
    session.items = 0;
    response.writeHead(303, { Location: `${shop.base}/pay/${order}` }).end();
  }

  async function payment(request, response, _session, order) {
    const key = faults.includes("live_key") ? shop.key.replace("_test_", "_live_") : shop.key;
    if (request.method === "GET") {
      const script = `document.querySelector("#pay").addEventListener("click", () => {
        document.querySelector("#key").value = "pk_" + "live_sandbox0001";
      });`;
      const sends = faults.includes("sends_live_key") ? `<input id="key" name="key" type="hidden"><script>${script}</script>` : "";
      return page(response, "Payment", `<div id="payment" data-key="${key}"></div>
        ${form(`/pay/${order}`, `<input id="card" name="card"> <button id="pay">Pay</button> ${sends}`)}`);
    }
    if (faults.includes("payment_hangs")) return undefined;
    const given = new URLSearchParams(await bodyOf(request));
    if (given.get("card") !== TEST_CARD) return page(response, "The card was declined", "", 402);
    const items = await ask("pay", [order, shop.tenant]);
    // The webhook of the payment has the print files made, after the customer has been told.
    Promise.all(items.map(({ item }) => shop.printFile({ order: String(order), item: String(item), tenant: shop.tenant })))
      .catch((error) => console.error(`order ${order}: ${error.message}`));
    return page(response, "Thank you", `Order <b id="order">${order}</b> is paid`);
  }

  async function order(_request, response, _session, number) {
    const rows = await ask("order", [number, shop.tenant]);
    if (!rows.length) return page(response, "There is no such order", "", 404);
    const made = rows.every(({ key }) => key);
    const download = made ? `<a id="download" href="${shop.base}/orders/${number}/file">Download</a>` : "";
    const cancel = form(`/orders/${number}/cancel`, '<button id="cancel">Cancel</button>');
    return page(response, `Order ${number}`, `${rows[0].status} ${made ? "Ready to print" : "Being made"} ${download} ${cancel}`);
  }

  async function file(_request, response, _session, number) {
    if (faults.includes("download_error_page")) return page(response, "Service unavailable", "");
    const [mine] = await ask("order", [number, shop.tenant]);
    const [other] = faults.includes("other_customer") ? await ask("others", [shop.tenant]) : [];
    const body = await shop.fetchFile((other ?? mine).key);
    const headers = { "Content-Type": "application/pdf", "Content-Disposition": "attachment; filename=print.pdf" };
    return response.writeHead(200, headers).end(body);
  }

  async function cancel(_request, response, _session, number) {
    if (faults.includes("cancel_fails")) return page(response, "Something went wrong", "", 500);
    await ask("cancel", [number, shop.tenant]);
    return page(response, "Cancelled", `Order ${number} is cancelled`);
  }

  const ROUTES = [
    [/^\/$/, product],
    [/^\/cart$/, cart],
    [/^\/checkout$/, checkout],
    [/^\/pay\/(\d+)$/, payment],
    [/^\/orders\/(\d+)$/, order],
    [/^\/orders\/(\d+)\/file$/, file],
    [/^\/orders\/(\d+)\/cancel$/, cancel],
  ];

  const form = (action, inner) => `<form method="post" action="${shop.base}${action}">${inner}</form>`;

  async function handle(request, response) {
    const path = new URL(request.url, "http://shop").pathname;
    if (path !== shop.base && !path.startsWith(`${shop.base}/`)) return false;
    const below = path.slice(shop.base.length) || "/";
    try {
      if (below === "/sign-in") await signIn(request, response);
      else if (below === "/payment-settings") json(response, { publishable_key: shop.key });
      else await signedIn(request, response, below);
    } catch (error) {
      page(response, "Error", error.message, 503);
    }
    return true;
  }

  async function signedIn(request, response, below) {
    const cookie = /session=([0-9a-f]+)/.exec(request.headers.cookie ?? "");
    const session = sessions.get(cookie?.[1]);
    if (!session) return response.writeHead(303, { Location: `${shop.base}/sign-in` }).end();
    for (const [route, answer] of ROUTES) {
      const found = route.exec(below);
      if (found) return answer(request, response, session, found[1]);
    }
    return page(response, "There is no such page", "", 404);
  }

  /** Choose how the shop goes wrong until it is told otherwise; an empty list is not at all. */
  function behave(wanted) {
    if (!wanted.every((name) => FAULTS.includes(name))) throw new Error(`a fault is one of ${FAULTS.join(", ")}`);
    faults = wanted;
  }

  return { handle, behave };
}

function page(response, title, body, status = 200) {
  const head = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>${title}</title></head>`;
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8" });
  response.end(`${head}<body><h1>${title}</h1>${body}</body></html>`);
}

function json(response, document) {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(document));
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MOST_BYTES) throw new Error("the body is too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

module.exports = { storefront, FAULTS };
