import { expect, test, unique } from "./support";

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
  await expect(page.getByRole("alert").getByText("Introduce yourself first")).toBeVisible();

  await page.getByLabel("Your name").fill("Jonas");
  await page.getByRole("button", { name: "Introduce yourself" }).click();
  await expect(page.getByTestId("visitor")).toHaveText("Signed in as Jonas");
  expect(new URL(page.url()).search, "the error is gone from the address").toBe("?tab=1");

  const note = unique("Written without JavaScript");
  await page.getByLabel("A new note").fill(note);
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(page.getByText(note)).toBeVisible();
});
