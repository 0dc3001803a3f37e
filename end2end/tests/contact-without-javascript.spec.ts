import { expect, test, unique } from "./support";

test.use({ javaScriptEnabled: false });

test("a form is sent, comes back with what is wrong, and is taken once", async ({ page }) => {
  await page.goto("/contact?from=here");
  const message = unique("The clock in the hall is slow.");
  await page.getByLabel("Your name").fill("<b>Ada</b> & \"co\"");
  await page.getByLabel("Your e-mail address").fill("ada@example.com");
  await page.getByLabel("Something is broken").check();
  await page.getByLabel("Message").fill(message);
  // The browser looks at the rules itself; here is one that does not
  await page.getByLabel("Your e-mail address").fill("ada");
  const button = page.getByRole("button", { name: "Send it" });
  await button.click();
  expect(await page.getByLabel("Your e-mail address").evaluate((field: HTMLInputElement) => field.validity.valid)).toBe(false);
  await page.locator("form#contact-form").evaluate((form: HTMLFormElement) => (form.noValidate = true));
  const back = page.waitForResponse((response) => response.request().method() === "POST");
  await button.click();
  const response = await back;
  expect(response.status()).toBe(422);
  expect(response.headers()["cache-control"]).toContain("no-store");
  await expect(page.locator("#contact-email-errors")).toHaveText("must be an e-mail address");
  await expect(page.getByLabel("Your e-mail address")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Your name")).toHaveValue("<b>Ada</b> & \"co\"");
  await expect(page.getByLabel("Message")).toHaveValue(message);
  await expect(page.getByLabel("Something is broken")).toBeChecked();
  expect(new URL(page.url()).search).toBe("?from=here");

  await page.getByLabel("Your e-mail address").fill("ada@example.com");
  await button.click();
  await expect(page.locator(".mizan-success")).toHaveText("Thank you. Your letter is with us.");
  await expect(page.getByLabel("Message")).toHaveValue("");
  expect(new URL(page.url()).search).toBe("?from=here");

  // Loaded again, nothing is sent again, and nothing is said again
  const posted: string[] = [];
  page.on("request", (request) => request.method() === "POST" && posted.push(request.url()));
  await page.reload();
  await expect(page.locator(".mizan-success")).toBeEmpty();
  expect(posted).toEqual([]);

  // What only the server knows
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Your e-mail address").fill("ada@example.com");
  await page.getByLabel("Message").fill(message);
  await button.click();
  await expect(page.locator("#contact-message-errors")).toHaveText("is one that we have from you already");
});
