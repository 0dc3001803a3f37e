import { expect, hydrated, test } from "../../tests/support";

for (const mode of ["out-of-order", "in-order", "partly-blocked", "async"]) {
  test(`${mode}: everything arrives with the page, and nothing is fetched`, async ({ page, request, watch }) => {
    const html = await (await request.get(`/${mode}`)).text();
    expect(html).toContain('<p id="slow">10</p>');
    await page.goto(`/${mode}`);
    await hydrated(page);
    await expect(page.locator("#slow")).toHaveText("10");
    await expect(page.locator("#slower")).toHaveText("10 </script>");
    await expect(page.locator(".quick")).toHaveText(["1", "1", "2"]);
    await page.waitForLoadState("networkidle");
    expect(watch.calls).toEqual([]);
  });
}

test("out of order, the page is there before what is slow", async ({ page, baseURL }) => {
  // As it arrives: by the pieces, not by how long a browser takes to start
  const response = await fetch(`${baseURL}/out-of-order`);
  const pieces: { text: string; at: number }[] = [];
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    pieces.push({ text: piece, at: Date.now() });
  }
  expect(pieces[0].text).toContain('id="waiting"');
  expect(pieces[0].text).not.toContain('id="slower"');
  expect(pieces.at(-1)!.at - pieces[0].at, "the slow part takes 400 ms").toBeGreaterThan(100);
  await page.goto("/out-of-order");
  await expect(page.locator("#slower")).toHaveText("10 </script>");
});

test("a parameter that changes keeps what is shown until the new data is there", async ({ page, watch }) => {
  await page.goto("/out-of-order");
  await hydrated(page);
  const next = page.getByRole("button", { name: "Next" });
  // The page carried the instance 2, for another provider: only what is inside of it is new
  await next.click();
  await expect(page.locator("#slow")).toHaveText("20");
  await expect(page.locator("#slower")).toHaveText("20 </script>");
  expect(watch.calls).toEqual(["GET /api/mizan/ctx/inner?number=20"]);
  const asked = page.waitForRequest("**/ctx/outer?number=3");
  await next.click();
  await asked;
  await expect(page.locator("#slow"), "meanwhile").toHaveText("20");
  await expect(page.locator("#waiting")).toHaveCount(0);
  await expect(page.locator("#slow")).toHaveText("30");
  await expect(page.locator("#slower")).toHaveText("30 </script>");
  await expect(page.locator(".quick")).toHaveText(["3", "1", "2"]);
  expect(watch.calls.slice(1)).toEqual(["GET /api/mizan/ctx/outer?number=3", "GET /api/mizan/ctx/inner?number=30"]);
});

test("an answer brings everything that is shown, in one request", async ({ page, watch }) => {
  await page.goto("/in-order");
  await hydrated(page);
  const answered = page.waitForResponse("**/call/touch");
  await page.getByRole("button", { name: "Touch" }).click();
  const { refreshed } = await (await answered).json();
  expect(refreshed.map((instance: { context: string }) => instance.context).sort()).toEqual(["inner", "outer"]);
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual(["POST /api/mizan/call/touch"]);
  await expect(page.locator("#slower")).toHaveText("10 </script>");
});

test("leaving aborts what nobody waits for, and a hook outside says where it belongs", async ({ page, watch }) => {
  await page.goto("/out-of-order");
  await hydrated(page);
  for (let number = 0; number < 3; number++) await page.getByRole("button", { name: "Next" }).click();
  const aborted = page.waitForEvent("requestfailed", (request) => request.url().includes("/ctx/outer"));
  await page.getByRole("link", { name: "Elsewhere" }).click();
  await aborted;
  const said = "`use_quick()` was called outside of a `<OuterContextProvider>`";
  await expect(page.getByRole("alert")).toHaveText(said);
  // The developer is told as well
  expect(watch.complaints).toContain(said);
  watch.complaints.length = 0;
});
