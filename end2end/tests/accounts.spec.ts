import { execFileSync } from "node:child_process";
import { expect, fillIn, hydrated, PASSWORD, signUp, test, unique } from "./support";

/** The server's own command, on the database that it serves. */
function makeStaff(name: string) {
  execFileSync(process.env.SERVER ?? "../target/debug/server", ["staff", name]);
}

test("one request signs up, and every component knows", async ({ page, watch }) => {
  const name = unique("Ada <b>").slice(0, 30);
  await page.goto("/");
  await hydrated(page);
  await page.getByRole("link", { name: "Sign up" }).click();
  await fillIn(page, name);
  watch.calls.length = 0;
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  await expect(page).toHaveURL("/");
  await expect(page.getByText("Ask the printers about the blue paper")).toBeVisible();
  // Who it is came with the answer; the wall was last answered to a guest
  expect(watch.calls).toEqual(["POST /api/mizan/call/sign_up", "GET /api/mizan/ctx/wall"]);
  await page.reload();
  await hydrated(page);
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByTestId("visitor")).toHaveText("You are a guest");

  // The name is taken, in any case
  await page.getByRole("link", { name: "Sign up" }).click();
  await fillIn(page, name.toUpperCase());
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByRole("alert").getByText("somebody has that name already")).toBeVisible();
});

test("an unknown name and a wrong password are told in the same words", async ({ page }) => {
  const name = await signUp(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto("/sign-in");
  await hydrated(page);
  for (const [who, password] of [
    [name, "battery staple"],
    [unique("nobody"), PASSWORD],
  ]) {
    await fillIn(page, who, password);
    await page.getByRole("button", { name: "Sign in" }).click();
    const said = page.getByRole("alert").getByText("There is no such name, or its password is another one");
    await expect(said).toBeVisible();
    await page.reload();
    await hydrated(page);
  }
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
});

test("a page for staff recovers when somebody may see it", async ({ page, browser }) => {
  const visitor = await browser.newPage();
  const name = await signUp(visitor);
  await visitor.close();
  makeStaff(name);

  const response = await page.goto("/staff");
  expect(response?.status()).toBe(200);
  await hydrated(page);
  await expect(page.getByRole("alert").getByText("sign in first")).toBeVisible();
  await page.getByRole("link", { name: "Sign in" }).click();
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "Members" }).click();
  await expect(page.getByRole("row", { name }).getByText("staff")).toBeVisible();

  // Rendered by the server, too
  await page.reload();
  await hydrated(page);
  await expect(page.getByRole("row", { name }).getByText("staff")).toBeVisible();
});

test("who has signed up is no staff", async ({ page }) => {
  await signUp(page);
  await page.goto("/staff");
  await hydrated(page);
  await expect(page.getByRole("alert").getByText("you may not do that")).toBeVisible();
});

test("the other tabs learn of it", async ({ page, context }) => {
  const other = await context.newPage();
  await other.goto("/staff");
  await hydrated(other);
  await expect(other.getByTestId("visitor")).toHaveText("You are a guest");
  await expect(other.getByRole("alert").getByText("sign in first")).toBeVisible();

  // In JavaScript: what the browser does by itself, no page can tell the others
  await page.goto("/sign-up");
  await hydrated(page);
  const name = unique("Ana").slice(0, 30);
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(other.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  await expect(other.getByRole("alert").getByText("you may not do that")).toBeVisible();

  await other.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByTestId("visitor")).toHaveText("You are a guest");
});

test("a session that ends while a page is open is said to be over", async ({ page, browser, context }) => {
  const name = await signUp(page);
  await page.goto("/");
  await hydrated(page);
  // The same session elsewhere
  const elsewhere = await browser.newContext({ storageState: await context.storageState() });
  const there = await elsewhere.newPage();
  await there.goto("/");
  await expect(there.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  await hydrated(there);
  await there.getByRole("button", { name: "Sign out" }).click();
  await expect(there.getByTestId("visitor")).toHaveText("You are a guest");
  await elsewhere.close();

  await page.getByLabel("A new note").fill("Too late");
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByText("You have been signed out.")).toBeVisible();
  await expect(page.getByLabel("A new note"), "nothing is lost").toHaveValue("Too late");
  await page.getByRole("link", { name: "Sign in again" }).click();
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  await expect(page.getByText("You have been signed out.")).toHaveCount(0);
});

test("nobody changes somebody else's board", async ({ page }) => {
  await signUp(page);
  await page.goto("/board/Noor");
  await hydrated(page);
  await page.getByLabel("Ask the printers about the blue paper").click();
  await expect(page.getByRole("alert").getByText("That is somebody else's board")).toBeVisible();
  await expect(page.getByLabel("Ask the printers about the blue paper")).not.toBeChecked();
});

test("a read that is lost on the way is made again", async ({ page, watch }) => {
  await page.goto("/about");
  await hydrated(page);
  let lost = 0;
  await page.route("**/ctx/wall", (route) => (lost++ < 2 ? route.abort() : route.continue()));
  await page.getByRole("link", { name: "Notes" }).click();
  await expect(page.getByText("Fetching the notes")).toBeVisible();
  await expect(page.getByText("Ask the printers about the blue paper")).toBeVisible({ timeout: 15_000 });
  expect(watch.calls).toEqual(Array(3).fill("GET /api/mizan/ctx/wall"));
});

test("another site's page does nothing in the visitor's name", async ({ page, context, baseURL }) => {
  const name = await signUp(page);
  const evil = await context.newPage();
  // Another name of the same machine: another site to the browser
  const elsewhere = baseURL!.replace("127.0.0.1", "localhost");
  await evil.route(`${elsewhere}/`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<form method="post" action="${baseURL}/api/mizan/call/sign_out"><button>Win a prize</button></form>`,
    }),
  );
  await evil.goto(`${elsewhere}/`);
  const socket = await evil.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
      }),
    `${baseURL!.replace("http", "ws")}/api/mizan/ws`,
  );
  expect(socket).toBe("refused");
  // Which leads away from the page
  const answered = evil.waitForResponse("**/call/sign_out");
  await evil.getByRole("button").click();
  expect((await answered).status()).toBe(403);
  await page.reload();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
});
