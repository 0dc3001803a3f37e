import { expect, fillIn, signUp, test, unique } from "./support";

test.use({ javaScriptEnabled: false });

test("the page is all there", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByText("Ask the printers about the blue paper")).toBeVisible();
  await expect(page.getByTestId("visitor")).toHaveText("You are a guest");
  await expect(page.getByText("Fetching the notes")).toHaveCount(0);
});

test("forms post, come back with their error and leave no trace of it", async ({ page }) => {
  await page.goto("/?tab=1");
  await page.getByLabel("A new note").fill("Nobody's note");
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByRole("alert").getByText("sign in first")).toBeVisible();

  const name = await signUp(page);
  await page.goto("/?tab=1");
  const note = unique("Written without JavaScript");
  await page.getByLabel("A new note").fill(note);
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByText(note)).toBeVisible();
  expect(new URL(page.url()).search, "no error is in the address").toBe("?tab=1");

  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByTestId("visitor")).toHaveText("You are a guest");
  await page.goto("/sign-in");
  await fillIn(page, name, "battery staple");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").getByText("There is no such name")).toBeVisible();
  expect(page.url(), "nothing of the password is in the address").not.toContain("battery");
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  expect(new URL(page.url()).pathname).toBe("/");
});

test("a page for staff says so, and is a page all the same", async ({ page }) => {
  const response = await page.goto("/staff");
  expect(response?.status()).toBe(200);
  await expect(page.getByRole("alert").getByText("sign in first")).toBeVisible();
  await signUp(page);
  await page.goto("/staff");
  await expect(page.getByRole("alert").getByText("you may not do that")).toBeVisible();
});
