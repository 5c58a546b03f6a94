"""The console in a real browser, on a fleet that is played (`tests.unit.console.stage`)."""

import contextlib
import sys

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.browser import chromium
from tests.unit.console.stage import Stage, opened

EXPLAINED = (
    "import json, sys; print(json.dumps(dict(pair='stock', key={'id': sys.argv[-1]}, "
    "verdict='divergent', rule='older_version_fence', why='the target shows an older version', "
    "reason=None, remedy=None, kind='stale', evidence='fence', since_us=2000000, "
    "columns=['quantity'], left_out=0, scanned=3, partial=False, versions=["
    "dict(side=s, event=e, commit_us=c, append_us=c, fingerprint=f, topic='t', partition=0, "
    "offset=c, values={'quantity': v}) for s, e, c, f, v in ["
    "('monolith', 'create', 1000000, 'aa', 1), ('service', 'create', 1100000, 'aa', 1), "
    "('monolith', 'update', 2000000, 'bb', 2)]])))"
)


@pytest.fixture(scope="session")
def installed():
    return chromium.find()


@pytest.fixture
def stage():
    return Stage()


@pytest_asyncio.fixture(loop_scope="module")
async def console(stage):
    async with opened(stage=stage, explain=(sys.executable, "-c", EXPLAINED)) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(installed):
    async with async_playwright() as driver:
        made = await driver.chromium.launch(
            executable_path=installed.program,
            env=installed.environment or None,
            args=["--no-sandbox"],  # the tests may run as root
        )
        yield made
        await made.close()


@pytest.fixture
def visit(browser, console):
    """Opens the page; what it complains of, and whom it asks, is kept on it."""

    @contextlib.asynccontextmanager
    async def visiting(**context):
        context = {"viewport": {"width": 1280, "height": 900}} | context
        page = await browser.new_page(**context)
        page.complaints, page.asked = [], []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        await page.goto(f"http://127.0.0.1:{console.port}/")
        await page.locator("#link[data-state=live]").wait_for()
        yield page
        await page.close()

    return visiting
