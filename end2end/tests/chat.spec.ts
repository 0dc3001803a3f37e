import type { Browser, Page } from "@playwright/test";
import { Network, OwnServer } from "./network";
import { expect, fillIn, hydrated, signUp, test as base, unexpected, unique, type Watch, watched } from "./support";

/** Somebody with a browser of their own, in a room. */
interface Person {
  name: string;
  page: Page;
}

/** Brings somebody new into a room. */
type Enter = (room?: string, url?: string) => Promise<Person>;

const test = base.extend<{ enter: Enter; network: Network; server: OwnServer }>({
  enter: async ({ browser, baseURL }, use) => {
    const watches: Watch[] = [];
    const contexts: Awaited<ReturnType<Browser["newContext"]>>[] = [];
    await use(async (room = "lobby", url = baseURL) => {
      const context = await browser.newContext({ baseURL: url, javaScriptEnabled: true });
      contexts.push(context);
      const page = await context.newPage();
      watches.push(watched(page));
      const name = await signUp(page);
      await page.goto(`/chat/${room}`);
      await joined(page, name);
      return { name, page };
    });
    for (const context of contexts) await context.close();
    expect(watches.flatMap(unexpected)).toEqual([]);
  },
  // Between the browser and the server that all tests share
  network: async ({ baseURL }, use) => {
    const network = await Network.to(baseURL!);
    await use(network);
    network.close();
  },
  server: async ({}, use) => {
    const server = await OwnServer.start();
    await use(server);
    await server.stop();
  },
});

/** Waits until a page has joined its room, and shows that. */
async function joined(page: Page, name: string) {
  await hydrated(page);
  await expect(here(page, name)).toBeVisible();
}

/** A person in the list of those who are there. */
const here = (page: Page, name: string) => page.getByRole("complementary", { name: "In the room" }).getByRole("listitem").filter({ hasText: name });

const connection = (page: Page) => page.locator(".connection");

async function say(page: Page, text: string) {
  await page.getByLabel("Your message").fill(text);
  await page.getByLabel("Your message").press("Enter");
}

/** The messages on a page, in order: those of one test, which begin with its mark. */
async function said(page: Page, mark: string) {
  const texts = await page.getByRole("log").locator("li p:last-child").allTextContents();
  return texts.filter((text) => text.startsWith(mark)).map((text) => text.slice(mark.length + 1));
}

/** Waits until everybody sees the same messages, and nothing comes after them. */
async function expectSaid(people: Person[], mark: string, texts: string[]) {
  for (const { page } of people) {
    await expect.poll(() => said(page, mark), { timeout: 30_000 }).toEqual(texts);
  }
  // Whatever else was on its way is there before this
  await say(people[0].page, `${mark} ${texts.length + 1}th`);
  for (const { page } of people) {
    await expect.poll(() => said(page, mark)).toEqual([...texts, `${texts.length + 1}th`]);
  }
}

test("two people talk", async ({ enter }) => {
  const mark = unique("talk");
  const [ada, bob] = [await enter(), await enter()];
  const lines: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const { name, page } of [ada, bob]) {
      const line = `${round} of ${name}`;
      await say(page, `${mark} ${line}`);
      lines.push(line);
      await expect.poll(() => said(ada.page, mark)).toEqual(lines);
      await expect.poll(() => said(bob.page, mark)).toEqual(lines);
    }
  }
  // As fast as one can, and with the button
  for (let round = 3; round < 10; round++) {
    await ada.page.getByLabel("Your message").fill(`${mark} ${round}`);
    await ada.page.getByRole("button", { name: "Say it" }).click();
    lines.push(`${round}`);
  }
  await expect(ada.page.getByLabel("Your message")).toBeFocused();
  await expect(ada.page.getByLabel("Your message")).toHaveValue("");
  await expectSaid([bob, ada], mark, lines);
  // From the database, on the server
  const html = await (await ada.page.request.get("/chat/lobby")).text();
  expect(html.split(`<p>${mark} 9<`)).toHaveLength(2);
  await ada.page.reload();
  await joined(ada.page, ada.name);
  await expectSaid([ada, bob], mark, [...lines, `${lines.length + 1}th`]);
});

test("nothing is asked for that the page has", async ({ enter }) => {
  const { name, page } = await enter();
  const watch = watched(page);
  await page.reload();
  await joined(page, name);
  await page.waitForLoadState("networkidle");
  expect(watch.calls).toEqual([]);
});

test("what the server does not take is said", async ({ enter }) => {
  const mark = unique("refused");
  const ada = await enter();
  const problem = ada.page.getByRole("alert").getByText("502 letters are too many");
  // A browser lets nobody write that much, unless one insists
  await ada.page.getByLabel("Your message").evaluate((field) => field.removeAttribute("maxlength"));
  await say(ada.page, "x".repeat(502));
  await expect(problem).toBeVisible();
  await say(ada.page, "  ");
  await say(ada.page, `${mark} shorter`);
  await expect(problem).toHaveCount(0);
  await expectSaid([ada], mark, ["shorter"]);
});

test("a room has its own messages and people", async ({ enter }) => {
  const mark = unique("room");
  const [ada, bob] = [await enter(), await enter("kitchen")];
  await expect(here(ada.page, bob.name)).toHaveCount(0);
  await say(ada.page, `${mark} in the lobby`);
  await expect.poll(() => said(ada.page, mark)).toEqual(["in the lobby"]);

  await ada.page.getByRole("link", { name: "Kitchen" }).click();
  await expect(here(ada.page, bob.name)).toBeVisible();
  await expect(here(bob.page, ada.name)).toBeVisible();
  await expect(ada.page.getByRole("link", { name: "Kitchen" })).toHaveAttribute("aria-current", "page");
  await say(bob.page, `${mark} in the kitchen`);
  await say(ada.page, `${mark} here too`);
  const kitchen = ["in the kitchen", "here too"];
  for (const { page } of [ada, bob]) {
    await expect.poll(async () => (await said(page, mark)).sort()).toEqual(kitchen.toSorted());
  }

  await ada.page.getByRole("link", { name: "Lobby" }).click();
  await expect(here(bob.page, ada.name)).toHaveCount(0);
  await expect.poll(() => said(ada.page, mark)).toEqual(["in the lobby"]);
  await say(bob.page, `${mark} while nobody was here`);
  await expect.poll(async () => (await said(bob.page, mark)).at(-1)).toBe("while nobody was here");
  const there = await said(bob.page, mark);
  await ada.page.goBack();
  await expectSaid([ada, bob], mark, there);

  await ada.page.goto("/chat/attic");
  await hydrated(ada.page);
  await expect(ada.page.getByRole("alert").getByText("There is no such room")).toBeVisible();
});

test("who is there is shown, and who has left is not", async ({ enter }) => {
  const [ada, bob, eve] = [await enter(), await enter(), await enter()];
  for (const { page } of [ada, bob]) {
    for (const { name } of [ada, bob, eve]) await expect(here(page, name)).toBeVisible();
  }
  // Once, however many tabs
  const other = await bob.page.context().newPage();
  await other.goto("/chat/lobby");
  await joined(other, bob.name);
  await expect(here(ada.page, bob.name)).toHaveCount(1);
  await other.close();
  await bob.page.getByRole("link", { name: "Notes" }).click();
  await expect(here(ada.page, bob.name)).toHaveCount(0);
  await bob.page.goBack();
  await expect(here(ada.page, bob.name)).toBeVisible();
  await bob.page.close();
  await expect(here(ada.page, bob.name)).toHaveCount(0);
  // The tab's process dies
  const crashed = eve.page.waitForEvent("crash");
  await eve.page.goto("chrome://crash").catch(() => {});
  await crashed;
  await expect(here(ada.page, eve.name)).toHaveCount(0);
  await expect(here(ada.page, ada.name)).toBeVisible();
});

test("who is typing is shown while they are", async ({ enter }) => {
  const mark = unique("typing");
  const [ada, bob] = [await enter(), await enter()];
  const typing = here(ada.page, bob.name).getByText("is typing");
  await expect(typing).toHaveCount(0);
  const sent: string[] = [];
  bob.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(String(payload))));
  await bob.page.reload();
  await joined(bob.page, bob.name);
  await bob.page.getByLabel("Your message").pressSequentially(`${mark} a longer one`, { delay: 20 });
  await expect(typing).toBeVisible();
  await bob.page.getByLabel("Your message").press("Enter");
  await expect(typing).toHaveCount(0);
  await bob.page.getByLabel("Your message").pressSequentially("or not");
  await expect(typing).toBeVisible();
  await expect(typing, "after a pause").toHaveCount(0, { timeout: 10_000 });
  await expect(bob.page.getByLabel("Your message")).toHaveValue("or not");
  const messages = sent.map((frame) => JSON.parse(frame)).filter(({ op }) => op === "send");
  expect(messages.map(({ message }) => message)).toEqual([
    { Typing: true },
    { Said: `${mark} a longer one` },
    { Typing: true },
    { Typing: false },
  ]);
});

test("what is said while the connection is gone arrives once, in order", async ({ enter, network }) => {
  test.slow();
  const mark = unique("cut");
  const ada = await enter("workshop", network.url);
  const bob = await enter("workshop");
  await say(ada.page, `${mark} before`);
  await expect.poll(() => said(bob.page, mark)).toEqual(["before"]);
  const lines = ["before"];
  for (let round = 0; round < 3; round++) {
    // On its way when the connection ends: it may have arrived
    await say(ada.page, `${mark} last ${round}`);
    network.cut();
    await expect(connection(ada.page)).toContainText("Reconnecting");
    await expect(here(bob.page, ada.name)).toHaveCount(0);
    await say(ada.page, `${mark} away ${round}`);
    await say(ada.page, `${mark} away still ${round}`);
    await say(bob.page, `${mark} here ${round}`);
    await expect.poll(async () => (await said(bob.page, mark)).includes(`here ${round}`)).toBe(true);
    expect(await said(ada.page, mark)).not.toContain(`here ${round}`);
    network.heal();
    await expect(connection(ada.page)).toHaveText("", { timeout: 30_000 });
    await expect(here(bob.page, ada.name)).toBeVisible();
    await expect.poll(async () => (await said(bob.page, mark)).at(-1)).toBe(`away still ${round}`);
    // Which of them came first is the server's to say; each one's own are in order
    const now = (await said(bob.page, mark)).slice(lines.length);
    expect(now.toSorted()).toEqual([`away ${round}`, `away still ${round}`, `here ${round}`, `last ${round}`]);
    expect(now.filter((text) => !text.startsWith("here"))).toEqual([`last ${round}`, `away ${round}`, `away still ${round}`]);
    lines.push(...now);
  }
  await expectSaid([ada, bob], mark, lines);
  await ada.page.reload();
  await joined(ada.page, ada.name);
  await expectSaid([ada, bob], mark, [...lines, `${lines.length + 1}th`]);
});

test("a server that is started again loses and repeats nothing", async ({ enter, server }) => {
  test.slow();
  const mark = unique("restart");
  const [ada, bob] = [await enter("workshop", server.url), await enter("workshop", server.url)];
  await say(ada.page, `${mark} before`);
  await expect.poll(() => said(bob.page, mark)).toEqual(["before"]);
  const lines = ["before"];
  for (const signal of ["SIGKILL", "SIGTERM", "SIGKILL"] as const) {
    const own: Record<string, string[]> = { Ada: [], Bob: [] };
    const both = async (text: string) => {
      for (const [who, { page }] of [["Ada", ada], ["Bob", bob]] as const) {
        await say(page, `${mark} ${who} ${text}`);
        own[who].push(`${who} ${text}`);
      }
    };
    // In the middle of talking
    const talk = async () => {
      for (let number = 0; number < 4; number++) await both(`${signal} ${lines.length} ${number}`);
    };
    const talked = talk();
    await expect.poll(async () => (await said(ada.page, mark)).length).toBeGreaterThan(lines.length + 2);
    await server.stop(signal);
    await talked;
    for (const { page } of [ada, bob]) await expect(connection(page)).toContainText("Reconnecting");
    await both(`away ${lines.length}`);
    await server.start();
    for (const { page } of [ada, bob]) await expect(connection(page)).toHaveText("", { timeout: 30_000 });
    // Three rounds of ten: a page shows the last fifty of what it has read anew
    await expect.poll(async () => (await said(ada.page, mark)).length).toBe(lines.length + 10);
    const now = (await said(ada.page, mark)).slice(lines.length);
    for (const [who, texts] of Object.entries(own)) {
      expect(now.filter((text) => text.startsWith(who))).toEqual(texts);
    }
    lines.push(...now);
    await expect.poll(() => said(bob.page, mark)).toEqual(lines);
    for (const { page } of [ada, bob]) {
      for (const { name } of [ada, bob]) await expect(here(page, name)).toHaveCount(1);
    }
  }
  await expectSaid([ada, bob], mark, lines);
  await ada.page.reload();
  await joined(ada.page, ada.name);
  await expectSaid([ada, bob], mark, [...lines, `${lines.length + 1}th`]);
});

test("who signs out elsewhere is invited again", async ({ enter }) => {
  const { page } = await enter();
  const other = await page.context().newPage();
  await other.goto("/");
  await hydrated(other);
  await other.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("link", { name: "Sign in to join" })).toBeVisible();
});

test("who signs in as somebody else is somebody else", async ({ enter }) => {
  const mark = unique("other");
  const [ada, bob] = [await enter(), await enter()];
  await say(ada.page, `${mark} as one`);
  // The page stays, and its socket with it
  await ada.page.getByRole("button", { name: "Sign out" }).click();
  await expect(ada.page).toHaveURL("/");
  await expect(here(bob.page, ada.name)).toHaveCount(0);
  await ada.page.getByRole("link", { name: "Sign up" }).click();
  const name = unique("Eve").slice(0, 30);
  await fillIn(ada.page, name);
  await ada.page.getByRole("button", { name: "Sign up" }).click();
  await expect(ada.page).toHaveURL("/");
  await ada.page.getByRole("link", { name: "Chat" }).click();
  await joined(ada.page, name);
  await expect(here(bob.page, name)).toBeVisible();
  await say(ada.page, `${mark} as another`);
  await expect(bob.page.getByRole("log").locator("li", { hasText: `${mark} as another` }).locator("strong")).toHaveText(name);
  await expectSaid([ada, bob], mark, ["as one", "as another"]);
});

test("a guest is invited", async ({ page, watch }) => {
  await page.goto("/");
  await hydrated(page);
  await page.getByRole("link", { name: "Chat" }).click();
  await expect(page.getByRole("link", { name: "Sign in to join" })).toBeVisible();
  await expect(page.getByRole("log")).toHaveCount(0);
  expect(watch.calls).toEqual(["GET /api/mizan/ctx/room?room=lobby"]);
  await page.reload();
  await hydrated(page);
  await page.getByRole("link", { name: "open an account" }).click();
  await expect(page).toHaveURL("/sign-up");
  expect(watch.calls, "nobody knocks in vain").toHaveLength(1);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("one reads what was said", async ({ page, enter }) => {
    const mark = unique("still");
    const bob = await enter("kitchen");
    await say(bob.page, `${mark} here`);
    await expect.poll(() => said(bob.page, mark)).toEqual(["here"]);
    await page.goto("/chat");
    await expect(page.getByRole("link", { name: "Sign in to join" })).toBeVisible();
    await signUp(page);
    await page.goto("/chat");
    await page.getByRole("link", { name: "Kitchen" }).click();
    await expect(page.locator("noscript")).toBeVisible();
    expect(await page.locator("noscript").innerText()).toContain("Talking needs JavaScript");
    await expect(page.getByLabel("Your message")).toBeHidden();
    expect(await said(page, mark)).toEqual(["here"]);
  });
});
