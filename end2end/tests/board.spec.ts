import type { Page } from "@playwright/test";
import { Network, OwnServer } from "./network";
import { expect, hydrated, signUp, test, unexpected, unique, watched } from "./support";

/** Signs somebody new up and pins their notes, one after the other; returns their name. */
async function somebody(page: Page, ...notes: string[]) {
  const name = await signUp(page);
  await page.goto("/");
  await hydrated(page);
  for (const note of notes) {
    await page.getByLabel("A new note").fill(note);
    await page.getByRole("button", { name: "Pin it" }).click();
    await expect(page.locator(".note", { hasText: name }).filter({ hasText: note })).toBeVisible();
  }
  return name;
}

const board = (name: string) => `/board/${encodeURIComponent(name)}`;

test("a board is rendered with all of its members, and nothing is fetched again", async ({ page, request, watch }) => {
  const html = await (await request.get("/board/Noor")).text();
  expect(html).toContain("Ask the printers about the blue paper");
  expect(html).toContain("0 of 1 done");
  expect(html).toContain("Writes here since");
  await page.goto("/board/Noor");
  await hydrated(page);
  await expect(page.getByTestId("progress")).toHaveText("0 of 1 done");
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual([]);
});

test("going to a board costs one request for each context on it", async ({ page, watch }) => {
  await page.goto("/");
  await hydrated(page);
  await page.getByRole("link", { name: "Noor" }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Noor");
  await expect(page.getByTestId("progress")).toHaveText("0 of 1 done");
  await expect(page.getByText("Writes here since")).toBeVisible();
  expect(watch.calls.sort()).toEqual([
    "GET /api/mizan/ctx/board?member=Noor",
    "GET /api/mizan/ctx/member_since?name=Noor",
  ]);
  // Back and there again: both are still known
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("What the team should know");
  await page.goForward();
  await expect(page.getByTestId("progress")).toHaveText("0 of 1 done");
  expect(watch.calls).toHaveLength(2);
});

test("the server keeps what a board answers until somebody changes it", async ({ page, request }) => {
  const name = await somebody(page, "Sweep the yard");
  const read = async () => {
    const answer = await request.get(`/api/mizan/ctx/board?member=${encodeURIComponent(name)}`);
    return { from: answer.headers()["mizan-cache"], progress: (await answer.json()).data.board_progress };
  };
  await read();
  const kept = { from: "board_notes=hit, board_progress=hit", progress: { done: 0, all: 1 } };
  expect(await read()).toEqual(kept);
  await page.goto(board(name));
  await hydrated(page);
  await page.getByLabel("Sweep the yard").check();
  await expect(page.getByTestId("progress")).toHaveText("1 of 1 done");
  // The answer that brought it to the page is kept from then on
  expect(await read()).toEqual({ ...kept, progress: { done: 1, all: 1 } });
});

test("ticking a note off costs one request, and everything that shows it changes", async ({ page, watch }) => {
  const name = await somebody(page, "Water the plants", "Feed the cat");
  await page.goto(board(name));
  await hydrated(page);
  watch.calls.length = 0;
  await expect(page.getByTestId("progress")).toHaveText("0 of 2 done");
  await page.getByLabel("Water the plants").check();
  await expect(page.getByTestId("progress")).toHaveText("1 of 2 done");
  await expect(page.locator(".note.done")).toHaveText(/Water the plants/);
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual(["POST /api/mizan/call/tick_note"]);
  await page.reload();
  await hydrated(page);
  await expect(page.getByLabel("Water the plants")).toBeChecked();
});

test("a tick is shown before the answer, and taken back when it is an error", async ({ page, context }) => {
  const name = await somebody(page, "Sweep the yard");
  await page.goto(board(name));
  await hydrated(page);
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/call/tick_note", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel("Sweep the yard").click();
  await expect(page.locator(".note.done")).toHaveCount(1);
  await expect(page.getByTestId("progress"), "which only the server knows").toHaveText("0 of 1 done");
  answer();
  await expect(page.getByTestId("progress")).toHaveText("1 of 1 done");
  await page.unroute("**/call/tick_note");

  await context.setOffline(true);
  await page.getByLabel("Sweep the yard").click();
  await expect(page.getByRole("alert").getByText("the server can't be reached")).toBeVisible();
  await expect(page.locator(".note.done"), "as it was").toHaveCount(1);
  await expect(page.getByLabel("Sweep the yard")).toBeChecked();
  await context.setOffline(false);
});

test("another text is merged into the board, and the wall is stale", async ({ page, watch }) => {
  const name = await somebody(page, "Old text of mine");
  await page.getByRole("link", { name }).first().click();
  await expect(page.getByTestId("progress")).toHaveText("0 of 1 done");
  watch.calls.length = 0;
  await page.getByRole("button", { name: "Rewrite" }).click();
  await page.getByLabel("New text").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert").getByText("an empty note helps nobody")).toBeVisible();
  await page.getByLabel("New text").fill("New text of mine");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("New text of mine")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save" })).toHaveCount(0);
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual(["POST /api/mizan/call/rewrite_note", "POST /api/mizan/call/rewrite_note"]);
  // The wall was not shown meanwhile: it is fetched when it is
  await page.getByRole("link", { name: "Notes" }).click();
  await expect(page.locator(".note p", { hasText: "New text of mine" })).toBeVisible();
  expect(watch.calls.at(-1)).toBe("GET /api/mizan/ctx/wall");
});

test("what one writes stays while something else changes", async ({ page }) => {
  const name = await somebody(page, "Paint the door", "Oil the hinges");
  await page.goto(board(name));
  await hydrated(page);
  const door = page.locator(".note", { hasText: "Paint the door" });
  await door.getByRole("button", { name: "Rewrite" }).click();
  await page.getByLabel("New text").fill("Paint the door green");
  await page.getByLabel("Oil the hinges").check();
  await expect(page.getByTestId("progress")).toHaveText("1 of 2 done");
  await expect(page.getByLabel("New text")).toHaveValue("Paint the door green");
  await page.getByLabel("New text").press("End");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("Paint the door green")).toBeVisible();
  await expect(page.getByLabel("Oil the hinges")).toBeChecked();
});

test("who looks at the wall or a board sees what changes", async ({ page, browser, baseURL }) => {
  test.slow();
  const name = await somebody(page, "Wash the cups", "Wind the clock");
  const network = await Network.to(baseURL!);
  const elsewhere = await browser.newContext({ baseURL: network.url });
  const other = await elsewhere.newPage();
  const watch = watched(other);
  await other.goto("/");
  await hydrated(other);
  const note = unique("Seen by all");
  await page.getByLabel("A new note").fill(note);
  await page.getByRole("button", { name: "Pin it" }).click();
  await expect(other.locator(".note p", { hasText: note })).toBeVisible();

  await page.goto(board(name));
  await hydrated(page);
  await other.goto(board(name));
  await hydrated(other);
  await other.waitForLoadState("networkidle");
  watch.calls.length = 0;
  await page.getByLabel("Wash the cups").check();
  await expect(other.getByTestId("progress")).toHaveText("1 of 3 done");
  await expect(other.getByLabel("Wash the cups")).toBeChecked();
  expect(watch.calls, "one fetch for both members").toHaveLength(1);

  // What changes while the connection is gone
  network.cut();
  await page.getByLabel("Wind the clock").check();
  await expect(page.getByTestId("progress")).toHaveText("2 of 3 done");
  await expect(other.getByTestId("progress")).toHaveText("1 of 3 done");
  network.heal();
  await expect(other.getByTestId("progress")).toHaveText("2 of 3 done", { timeout: 30_000 });
  expect(unexpected(watch)).toEqual([]);
  await elsewhere.close();
  network.close();
});

test("a board is live on a server that was started again", async ({ browser }) => {
  test.slow();
  const server = await OwnServer.start();
  const contexts = [await browser.newContext({ baseURL: server.url }), await browser.newContext({ baseURL: server.url })];
  const [page, other] = [await contexts[0].newPage(), await contexts[1].newPage()];
  const watches = [page, other].map(watched);
  const name = await somebody(page, "Mow the lawn");
  for (const one of [page, other]) {
    await one.goto(board(name));
    await hydrated(one);
    await expect(one.getByTestId("progress")).toHaveText("0 of 1 done");
  }
  await server.stop();
  await server.start();
  // Which the other may have heard of, or not yet
  await page.getByLabel("Mow the lawn").check();
  await expect(other.getByTestId("progress")).toHaveText("1 of 1 done", { timeout: 30_000 });
  await page.getByLabel("Mow the lawn").uncheck();
  await expect(other.getByTestId("progress")).toHaveText("0 of 1 done");
  for (const context of contexts) await context.close();
  expect(watches.flatMap(unexpected)).toEqual([]);
  await server.stop();
});

test("a page that outlived its server offers to load anew", async ({ page }) => {
  const name = await somebody(page, "Outlived");
  await page.goto(board(name));
  await hydrated(page);
  // What an older page would send: another build, and arguments of another shape
  await page.route("**/call/tick_note", (route) =>
    route.continue({
      headers: { ...route.request().headers(), "mizan-build": "0000000000000000" },
      postData: JSON.stringify({ id: 1 }),
    }),
  );
  await page.getByLabel("Outlived").click();
  await expect(page.getByRole("alert").getByText("has changed since the page was loaded")).toBeVisible();
  await page.unroute("**/call/tick_note");
  await page.getByRole("button", { name: "Load the page anew" }).click();
  await expect(page.getByRole("alert")).toHaveText("");
  await expect(page.getByLabel("Outlived")).not.toBeChecked();
});
