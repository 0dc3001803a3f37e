import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, hydrated, test, unique } from "./support";

const SUBMIT = "/api/mizan/call/contact.submit";

const name = (page: Page) => page.getByLabel("Your name");
const email = (page: Page) => page.getByLabel("Your e-mail address");
const message = (page: Page) => page.getByLabel("Message");
const button = (page: Page) => page.getByRole("button", { name: "Send it" });
const status = (page: Page) => page.locator(".mizan-success");
const summary = (page: Page) => page.locator(".mizan-summary");
const wrong = (page: Page, field: string) => page.locator(`#contact-${field}-errors`);

async function open(page: Page) {
  await page.goto("/contact");
  await hydrated(page);
}

/** A letter that nobody has sent. */
async function write(page: Page, text = unique("The clock in the hall is slow.")) {
  await name(page).fill("Ada");
  await email(page).fill("ada@example.com");
  await message(page).fill(text);
  return text;
}

/** What was said is announced where it is said. */
async function taken(page: Page) {
  await expect(status(page)).toHaveText("Thank you. Your letter is with us.");
  await expect(status(page)).toHaveRole("status");
}

async function accessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

test("the form is in the page that the server sends", async ({ request }) => {
  const html = await (await request.get("/contact")).text();
  expect(html).toContain('name="mizan-form" value="contact"');
  expect(html).toContain('for="contact-email"');
  expect(html, "a browser without JavaScript looks at the rules itself").not.toContain("novalidate");
});

test("a field says what is wrong with it once it was left, and then as one types", async ({ page, watch }) => {
  await open(page);
  await email(page).focus();
  await name(page).focus();
  await expect(wrong(page, "email"), "nobody has written anything").toBeEmpty();
  await email(page).pressSequentially("ada");
  await expect(wrong(page, "email"), "nobody is done yet").toBeEmpty();
  await name(page).focus();
  await expect(wrong(page, "email")).toHaveText("must be an e-mail address");
  await expect(email(page)).toHaveAttribute("aria-invalid", "true");
  await expect(email(page)).toHaveAccessibleDescription(/For our answer.*must be an e-mail address/);
  await email(page).focus();
  await email(page).press("End");
  await email(page).pressSequentially("@example.com");
  await expect(wrong(page, "email")).toBeEmpty();
  await expect(email(page)).not.toHaveAttribute("aria-invalid");
  await expect(wrong(page, "name"), "another field is not touched by it").toBeEmpty();
  expect(watch.calls).toEqual([]);
});

test("what is wrong is not sent, and the first mistake has the focus", async ({ page, watch }) => {
  await open(page);
  await name(page).fill("Ada");
  await button(page).click();
  await expect(email(page)).toBeFocused();
  await expect(wrong(page, "email")).toHaveText("is required");
  await expect(wrong(page, "message")).toHaveText("is required");
  await expect(wrong(page, "name")).toBeEmpty();
  await accessible(page);
  await email(page).fill("ada@example.com");
  await message(page).fill("Too short");
  await message(page).press("Tab");
  await expect(wrong(page, "message")).toHaveText("must have at least 10 characters");
  await button(page).click();
  await expect(message(page)).toBeFocused();
  expect(watch.calls).toEqual([]);
});

test("a letter is sent once, however often one presses, and the same one is not taken again", async ({ page, watch }) => {
  await open(page);
  await accessible(page);
  const text = await write(page);
  await page.getByLabel("Something is broken").check();
  // The answer waits until it was pressed three times
  let let_go = () => {};
  const pressed = new Promise<void>((resolve) => (let_go = resolve));
  await page.route(`**${SUBMIT}`, async (route) => {
    await pressed;
    await route.continue();
  });
  const sent = page.waitForRequest(`**${SUBMIT}`);
  await button(page).click();
  await expect(button(page)).toHaveAttribute("aria-disabled", "true");
  await button(page).click({ force: true });
  await message(page).evaluate((field: HTMLTextAreaElement) => field.form!.requestSubmit());
  await expect(button(page), "what has the focus keeps it").toBeFocused();
  const request = await sent;
  expect(request.postDataJSON()).toEqual({ name: "Ada", email: "ada@example.com", topic: "fault", message: text });
  let_go();
  await taken(page);
  await accessible(page);
  await expect(button(page)).not.toHaveAttribute("aria-disabled");
  expect(watch.calls).toEqual([`POST ${SUBMIT}`]);

  // What it began with is there again
  await expect(name(page)).toHaveValue("");
  await expect(message(page)).toHaveValue("");
  await expect(page.getByLabel("A question")).toBeChecked();
  await expect(page.locator("[aria-invalid]")).toHaveCount(0);

  // What only the server knows is told at the field
  await page.unroute(`**${SUBMIT}`);
  await write(page, text);
  await expect(status(page), "that was the other one").toBeEmpty();
  await button(page).click();
  await expect(wrong(page, "message")).toHaveText("is one that we have from you already");
  await expect(message(page)).toBeFocused();
  await expect(message(page)).toHaveValue(text);
  await message(page).press("End");
  await message(page).pressSequentially("!");
  await expect(wrong(page, "message"), "that was said of another text").toBeEmpty();
});

test("a letter whose answer is lost is sent again, and taken once", async ({ page }) => {
  // The browser renders the form itself
  await page.goto("/about");
  await hydrated(page);
  await page.getByRole("link", { name: "Contact" }).click();
  await expect(page.getByLabel("A question")).toBeChecked();
  await write(page);
  const keys: (string | undefined)[] = [];
  const answers: string[] = [];
  await page.route(`**${SUBMIT}`, async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    const response = await route.fetch();
    answers.push(await response.text());
    // The server has it; the browser never hears so
    if (keys.length === 1) await route.abort("connectionreset");
    else await route.fulfill({ response });
  });
  await button(page).click();
  await expect(summary(page)).toHaveText("the server can't be reached");
  await expect(summary(page)).toHaveRole("alert");
  await expect(name(page)).toHaveValue("Ada");
  await button(page).click();
  await taken(page);
  await expect(summary(page)).toBeEmpty();
  expect(keys).toHaveLength(2);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[1], "the same letter").toBe(keys[0]);
  // Taken anew, it would be one that is there already
  expect(answers[1]).toBe(answers[0]);
});

test("what is written before the page is alive is not lost", async ({ page }) => {
  // The page comes to life when it is let to
  let let_go = () => {};
  const written = new Promise<void>((resolve) => (let_go = resolve));
  await page.route("**/*.wasm", async (route) => {
    await written;
    await route.continue();
  });
  await page.goto("/contact", { waitUntil: "commit" });
  await name(page).fill("Grace");
  await page.getByLabel("Something is good").check();
  let_go();
  await hydrated(page);
  await expect(name(page)).toHaveValue("Grace");
  await button(page).click();
  await expect(email(page), "the name is known").toBeFocused();
  await expect(wrong(page, "name")).toBeEmpty();
  await expect(page.getByLabel("Something is good")).toBeChecked();
});
