import { expect, hydrated, signUp, test, unique } from "./support";

test("the server renders the page, and the browser asks for nothing again", async ({ page, request, watch }) => {
  const html = await (await request.get("/")).text();
  expect(html).toContain("Ask the printers about the blue paper");
  expect(html).toContain("You are a guest");

  await page.goto("/");
  await hydrated(page);
  await expect(page.getByTestId("visitor")).toHaveText("You are a guest");
  await expect(page.getByText("Ask the printers about the blue paper")).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual([]);
});

test("going to another page loads no document and fetches no context", async ({ page, watch }) => {
  await page.goto("/about");
  await hydrated(page);
  let documents = 0;
  page.on("request", (request) => (documents += request.isNavigationRequest() ? 1 : 0));
  await page.getByRole("link", { name: "Notes" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("What the team should know");
  await expect(page.getByText("Ask the printers about the blue paper")).toBeVisible();
  expect(documents).toBe(0);
  expect(watch.calls, "the notes, and not the visitor").toEqual(["GET /api/mizan/ctx/wall"]);
});

test("a call's error is shown where it happened, and nothing is lost", async ({ page, watch }) => {
  await page.goto("/");
  await hydrated(page);
  const text = page.getByLabel("A new note");
  const alert = page.getByRole("alert");
  await text.fill("Nobody's note");
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(alert.getByText("sign in first")).toBeVisible();
  await expect(text).toHaveValue("Nobody's note");

  await signUp(page);
  await page.goto("/");
  await hydrated(page);
  watch.calls.length = 0;
  await text.fill("x".repeat(281));
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(alert.getByText("281 letters are too many")).toBeVisible();

  const note = unique("</script><script>window.pwned=1</script>\u2028");
  await text.fill(note);
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.locator(".note p", { hasText: note.split(" ").at(-1)! })).toHaveText(note);
  await expect(text).toHaveValue("");
  expect(watch.calls.filter((call) => call.startsWith("GET")), "the wall came with the answer").toEqual([]);
  await page.reload();
  await hydrated(page);
  await expect(page.locator(".note p", { hasText: note.split(" ").at(-1)! })).toHaveText(note);
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
});

test("the server being away is said, and does no harm", async ({ page, context }) => {
  await page.goto("/");
  await hydrated(page);
  await context.setOffline(true);
  await page.getByLabel("A new note").fill("Written offline");
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByRole("alert").getByText("the server can't be reached")).toBeVisible();
  await expect(page.getByLabel("A new note")).toHaveValue("Written offline");
  await context.setOffline(false);
});

test("a page that does not exist says so with its status", async ({ page }) => {
  const response = await page.goto("/nowhere");
  expect(response?.status()).toBe(404);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Nothing is pinned here");
});

test("the keyboard reaches everything", async ({ page }) => {
  await page.goto("/");
  await hydrated(page);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.getByLabel("A new note").focus();
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert").getByText("sign in first")).toBeVisible();
});

test("nothing overflows on a small screen", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto("/");
  await hydrated(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test("the files of the page are immutable, and the page is not", async ({ page }) => {
  const caching = new Map<string, string>();
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    caching.set(pathname.replace(/\.[\w-]{22}\./, ".HASH."), response.headers()["cache-control"] ?? "");
  });
  await page.goto("/");
  await hydrated(page);
  expect(Object.fromEntries(caching)).toMatchObject({
    "/": "private, no-cache",
    "/pkg/app.HASH.js": "public, max-age=31536000, immutable",
    "/pkg/app.HASH.wasm": "public, max-age=31536000, immutable",
    "/pkg/app.HASH.css": "public, max-age=31536000, immutable",
  });
});
