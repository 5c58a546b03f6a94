"""What an engineer sees, and can do, in a real browser."""

import pytest
from playwright.async_api import expect

from figwatch.validators.summary import encode_summary
from tests.unit.console.stage import summary

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"

CONTRAST = """
() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const part = v / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/rgba\\(0, 0, 0, 0\\)|transparent/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  for (const node of document.querySelectorAll("h1,h2,h3,p,b,li,dt,dd,th,td,button,span,summary")) {
    if (!node.textContent.trim() || !node.checkVisibility() || node.closest(".hidden")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName} ${node.className} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""  # noqa: E501  # JavaScript


async def test_a_healthy_migration_says_so_in_one_sentence(visit):
    async with visit() as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Stage sync may be left")
        await expect(page.locator("#hero")).to_have_attribute("data-tone", "good")
        stages = page.get_by_role("list").filter(has_text="decommission").get_by_role("button")
        assert 6 == await stages.count()
        await expect(page.locator("#lag-chart svg")).to_have_attribute("role", "img")
        assert [] == page.complaints


async def test_a_divergence_and_its_end_show_without_a_reload(visit, stage):
    async with visit() as page:
        await expect(page.locator("#hero")).to_have_attribute("data-tone", "good")
        stage.divergent = 1
        stage.find()
        stage.tell()
        await expect(page.get_by_role("heading", level=1)).to_have_text("1 key is divergent")
        await expect(page.get_by_role("status")).to_have_text("1 key is divergent")
        await expect(page.locator("#findings .tag").first).to_have_text("open")
        await expect(page.locator("#ranges [data-tone=bad]")).to_have_count(1)
        stage.divergent = 0
        stage.find(resolved_us=1_700_000_009_000_000)
        stage.tell()
        await expect(page.locator("#hero")).to_have_attribute("data-tone", "good")
        await expect(page.locator("#findings .tag").first).to_have_text("resolved")
        assert [] == page.complaints


async def test_ranges_that_nobody_judges_are_said_before_anything_else(visit, stage):
    stage.divergent = 5
    stage.silent = (2,)
    del stage.fleet.summaries[2]
    stage.tell()
    async with visit() as page:
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("Not everything is watched, and 5 keys are divergent")
        await expect(page.locator("#ranges [data-tone=unknown]")).to_have_count(1)


async def test_a_worker_that_died_is_named_with_the_ranges_that_were_its_own(visit, stage):
    stage.silent = (1, 3, 5, 7)
    for number in stage.silent:
        told = summary(number, 900, worker="host-2")
        told.as_of_us -= 120_000_000
        del stage.fleet.summaries[number]
        stage.fleet.take("s", str(number).encode(), encode_summary(told))
    stage.tell()
    async with visit() as page:
        await expect(page.locator("#detail")).to_contain_text("last by host-2")
        await expect(page.locator("#workers")).to_have_text(
            "Judged by 1 worker: host-1. Silent: host-2"
        )
        range_3 = page.get_by_label("range 3: stale: judged by nobody, last by host-2 ")
        await expect(range_3).to_have_count(1)
        assert [] == page.complaints


async def test_a_key_is_explored_side_by_side(visit):
    async with visit() as page:
        await page.get_by_label("Key", exact=True).fill("7")
        await page.get_by_role("button", name="Explain").click()
        explained = page.get_by_role("region", name="Explanation")
        await expect(explained).to_contain_text("the target shows an older version")
        letters = await explained.locator(".print").all_text_contents()
        assert ["A", "A", "B"] == letters, "equal rows have the same letter on both sides"
        await expect(explained.locator("mark")).to_have_text("quantity 2")


async def test_a_finding_leads_to_its_key(visit, stage):
    stage.divergent = 1
    stage.find()
    stage.tell()
    async with visit() as page:
        await page.get_by_role("button", name="id=7").click()
        explained = page.get_by_role("region", name="Explanation")
        await expect(explained).to_contain_text("evidence fence")


async def test_what_stands_in_keys_is_text_and_never_markup(visit, stage):
    stage.divergent = 1
    stage.find(key=HOSTILE)
    stage.tell()
    async with visit() as page:
        await expect(page.locator("#findings")).to_contain_text(HOSTILE)
        await page.get_by_label("Key", exact=True).fill(HOSTILE)
        await page.get_by_role("button", name="Explain").click()
        explained = page.get_by_role("region", name="Explanation")
        await expect(explained).to_contain_text(HOSTILE)
        assert 0 == await page.locator("img").count()
        assert "taken" != await page.title()


async def test_it_is_used_by_keyboard_and_updates_do_not_take_the_focus(visit, stage):
    async with visit() as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the migration")).to_be_focused()
        prepare = page.get_by_role("button", name="prepare")
        for _ in range(10):
            await page.keyboard.press("Tab")
            if await prepare.evaluate("node => node === document.activeElement"):
                break
        await page.keyboard.press("Enter")
        await expect(prepare).to_have_attribute("aria-expanded", "true")
        await expect(page.locator("#h-criteria")).to_have_text("What stage prepare asks for")
        before = await page.locator("#at").text_content()
        stage.tell()
        await expect(page.locator("#at")).not_to_have_text(before)
        await expect(prepare).to_be_focused()


async def test_every_control_has_a_name_and_every_table_a_caption(visit):
    async with visit() as page:
        nameless = """() => [...document.querySelectorAll("button,input,select")]
            .filter((n) => !n.textContent.trim() && !n.labels?.length && !n.ariaLabel).length"""
        assert 0 == await page.evaluate(nameless)
        tables = """() => [...document.querySelectorAll("table")]
            .filter((table) => !table.caption?.textContent).length"""
        assert 0 == await page.evaluate(tables)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("divergent", [0, 3])
async def test_text_is_readable_in_light_and_dark(visit, stage, scheme, divergent):
    stage.divergent = divergent
    if divergent:
        stage.find()
    stage.tell()
    async with visit(color_scheme=scheme, reduced_motion="reduce") as page:
        tone = "bad" if divergent else "good"
        await expect(page.locator("#hero")).to_have_attribute("data-tone", tone)
        assert [] == await page.evaluate(CONTRAST)


async def test_the_button_turns_light_into_dark_and_it_stays(visit):
    async with visit(color_scheme="light") as page:
        await page.get_by_role("button", name="Change between light and dark").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_on_a_phone_nothing_is_cut_off(visit, stage):
    stage.divergent = 1
    stage.find()
    stage.tell()
    async with visit(**PHONE) as page:
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_it_asks_nobody_but_its_own_server(visit, console):
    async with visit() as page:
        await page.wait_for_timeout(500)
        own = f"http://127.0.0.1:{console.port}/"
        assert page.asked
        assert [] == [u for u in page.asked if not u.startswith((own, "data:"))]


async def test_a_lost_connection_is_said_and_the_last_verdict_no_longer_stands(visit, console):
    async with visit() as page:
        await expect(page.locator("#hero")).to_have_attribute("data-tone", "good")
        await console.stop()
        await expect(page.locator("#link")).to_have_attribute("data-state", "lost")
        await expect(page.locator("#hero")).to_have_attribute("data-tone", "unknown", timeout=15000)
