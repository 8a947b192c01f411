"""The view of all offers: found, sorted and chosen by keyboard alone, by whoever sees it or not."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.lab import sample
from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab
MANY = 10_000


def open_browse(lab: Lab) -> Locator:
    lab.execute("jupyter-continuum:browse")
    view = lab.page.get_by_role("region", name="Browse compute")
    expect(view.get_by_role("row").nth(1)).to_be_visible()
    return view


def offers(view: Locator) -> Locator:
    return view.locator("[data-offer]")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_the_offers_can_be_looked_at(lab: Lab, theme: str, width: int) -> None:
    lab.page.set_viewport_size({"width": width, "height": 900})
    lab.execute("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    view = open_browse(lab)
    view.locator("[data-offer='leonardo/boost_usr_prod'] [role=gridcell]").nth(1).click()
    expect(view.get_by_role("complementary", name="Details of the offer")).to_contain_text(
        "boost_usr_prod"
    )
    lab.page.wait_for_function(
        "theme => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}"
    )
    lab.screenshot(f"browse-{theme.lower()}-{width}")
    assert view.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_every_value_of_an_offer_says_who_says_so_and_of_when(lab: Lab) -> None:
    view = open_browse(lab)
    view.locator("[data-offer='leonardo/boost_usr_prod'] [role=gridcell]").nth(1).click()
    details = view.get_by_role("complementary", name="Details of the offer")
    source = details.get_by_role("link", name="CINECA HPC documentation")
    expect(source).to_have_attribute("href", "https://docs.hpc.cineca.it/hpc/leonardo.html")
    expect(details).to_contain_text("official · CINECA HPC documentation · 2025-2026")
    expect(details).to_contain_text("or A200, as another says: user · A copy of CINECA's <i>table")
    expect(details).to_contain_text("3456measured · the site itself · 2026-11-22 14:02 UTC")
    expect(details).to_contain_text("user · expired 2026-01-01 · A copy · 2025")
    expired = details.locator(".jp-Continuum-value", has_text="24 h")
    expect(expired).to_have_attribute("data-certainty", "unverified")


def test_two_offers_are_found_by_filter_and_reach_the_launch_form(lab: Lab) -> None:
    view = open_browse(lab)
    view.get_by_role("searchbox", name="Search offers").fill("emulated")
    view.get_by_role("button", name="Ready now").click()
    expect(offers(view)).to_have_count(2)
    grid = view.get_by_role("grid", name="Offers")
    grid.focus()
    for key in ("Enter", "ArrowDown", "Enter"):
        grid.press(key)
    expect(view.get_by_role("row", selected=True)).to_have_count(2)
    view.get_by_role("button", name="Prepare launch with 2 offers").click()
    chosen = lab.page.get_by_role("list", name="Chosen offers")
    expect(chosen).to_contain_text("Emulated site A")
    expect(chosen).to_contain_text("Emulated site B")


def test_an_offer_that_cannot_be_launched_is_not_chosen_and_says_why(lab: Lab) -> None:
    view = open_browse(lab)
    view.get_by_role("searchbox", name="Search offers").fill("lumi")
    offers(view).first.get_by_role("gridcell").first.click(force=True)
    expect(view.get_by_role("complementary", name="Details of the offer")).to_contain_text(
        "Connect the site first."
    )
    expect(view.get_by_role("button", name="Prepare launch")).to_be_disabled()


def test_a_search_that_finds_nothing_says_so(lab: Lab) -> None:
    view = open_browse(lab)
    view.get_by_role("searchbox", name="Search offers").fill("nothing like this")
    expect(view).to_contain_text("No offer is all that. Ask for less.")


def test_ten_thousand_offers_are_sorted_filtered_and_walked_by_keyboard(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["sites"] = sample.many(MANY)
    view = open_browse(lab)
    grid = view.get_by_role("grid", name="Offers")
    expect(grid).to_have_attribute("aria-rowcount", str(MANY + 1))
    assert offers(view).count() < 50, "only what is seen is drawn"
    assert view.locator("[role=grid] *").count() < 900, "one node for most values"
    assert view.locator("[data-cut]").count() == 0, "what has the room is no layer of its own"
    price = grid.get_by_role("columnheader", name="EUR/h")
    price.click()
    expect(price).to_have_attribute("aria-sort", "ascending")
    expect(offers(view).first).to_have_attribute("data-offer", "site-0/p000")
    price.click()
    expect(price).to_have_attribute("aria-sort", "descending")
    expect(offers(view).first).to_have_attribute("data-offer", "site-99/p099")
    grid.press("Control+End")
    last = view.locator("[data-offer='site-99/p097']")  # nobody knows what it costs
    expect(last).to_have_attribute("data-chosen", "true")
    named = grid.get_attribute("aria-activedescendant")
    expect(lab.page.locator(f"[id='{named}']")).to_be_visible()
    view.get_by_role("spinbutton", name="GPU memory at least, in GB").fill("139")
    expect(grid).to_have_attribute("aria-rowcount", str(MANY // 100 + 1))


CHANGED_BY_SCROLLING = """async ([grid, pixels]) => {
    const atRest = [];
    const real = window.setTimeout;
    window.setTimeout = (work, ms) => ms === 150 ? (atRest.push(work), 0) : real(work, ms);
    const records = [];
    const observer = new MutationObserver(found => records.push(...found));
    const what = { attributes: true, characterData: true, childList: true, subtree: true };
    observer.observe(grid, what);
    grid.scrollTop += pixels;
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    records.push(...observer.takeRecords());
    observer.disconnect();
    window.setTimeout = real;
    atRest.at(-1)();
    const rows = records.map(({ target }) =>
        (target instanceof Element ? target : target.parentElement).closest('[role=row]'));
    const made = records.filter(it => it.type === 'childList').length;
    return { rows: new Set(rows).size, made };
}"""


def test_scrolling_changes_only_the_rows_that_come_into_sight(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["sites"] = sample.many(1000)
    view = open_browse(lab)
    grid = view.get_by_role("grid", name="Offers").element_handle()
    far = lab.page.evaluate(CHANGED_BY_SCROLLING, [grid, 3000])
    drawn = offers(view).count()
    assert far == {"rows": drawn, "made": 0}, "each line shows another row, none is made"
    near = lab.page.evaluate(CHANGED_BY_SCROLLING, [grid, 90])
    assert near == {"rows": 3, "made": 0}
    # At rest they are read out in the order in which they are seen.
    lab.page.wait_for_function(
        """() => {
            const rows = [...document.querySelectorAll('[data-offer]')];
            const numbers = rows.map(row => Number(row.ariaRowIndex));
            return numbers.every((number, at) => !at || number === numbers[at - 1] + 1);
        }"""
    )


CHANGED_BY_A_LETTER = """async ([grid, search]) => {
    const atRest = [];
    const real = window.setTimeout;
    window.setTimeout = (work, ms) => ms === 150 ? (atRest.push(work), 0) : real(work, ms);
    const records = [];
    const observer = new MutationObserver(found => records.push(...found));
    observer.observe(grid, { characterData: true, subtree: true });
    const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
    set.call(search, 's');
    search.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    records.push(...observer.takeRecords());
    observer.disconnect();
    window.setTimeout = real;
    atRest.at(-1)();
    return new Set(records.map(it => it.target.parentElement.closest('[role=row]'))).size;
}"""


def test_a_letter_after_scrolling_draws_only_the_rows_that_are_seen(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["sites"] = sample.many(1000)
    view = open_browse(lab)
    grid = view.get_by_role("grid", name="Offers").element_handle()
    lab.page.evaluate(CHANGED_BY_SCROLLING, [grid, 20_010])
    search = view.get_by_role("searchbox", name="Search offers").element_handle()
    seen = lab.page.evaluate("grid => Math.ceil(grid.clientHeight / 30)", grid)
    changed = lab.page.evaluate(CHANGED_BY_A_LETTER, [grid, search])
    assert 0 < changed <= seen < offers(view).count()
    numbers = [int(row.get_attribute("aria-rowindex") or 0) for row in offers(view).all()]
    assert numbers == list(range(2, len(numbers) + 2)), "at rest the others are drawn, too"
    assert len({row.get_attribute("data-offer") for row in offers(view).all()}) == len(numbers)


def test_a_site_is_chosen_on_the_map_or_beside_it_by_keyboard(lab: Lab) -> None:
    asked: list[str] = []
    lab.page.on("request", lambda request: asked.append(request.url))
    view = open_browse(lab)
    view.get_by_role("button", name="Map", exact=True).click()
    sites = view.get_by_role("region", name="Sites on the map")
    leonardo = sites.get_by_role("button", name="Leonardo, Italy, Ready, 212 GPUs free")
    leonardo.press("Enter")
    expect(leonardo).to_have_attribute("aria-pressed", "true")
    expect(offers(view)).to_have_count(2)
    expect(view.get_by_role("button", name="Leonardo ✕")).to_be_visible()
    leonardo.press("End")  # the farthest east
    lumi = sites.get_by_role("button", name="LUMI, Finland, Not connected")
    expect(lumi).to_be_focused()
    lumi.press("ArrowDown")
    karolina = sites.get_by_role("button", name="Karolina, Czechia, No answer")
    expect(karolina).to_be_focused()
    karolina.press(" ")
    expect(view).to_contain_text("No offers of Karolina are known. No answer since 14:02")
    karolina.press(" ")
    expect(view).to_contain_text("7 of 7 offers")
    sites.get_by_role("button", name="This machine").press("Enter")
    expect(offers(view)).to_have_attribute("data-offer", "local/cpu")
    lab.screenshot("browse-map")
    own = f"http://127.0.0.1:{lab.server.port}/"
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []


def test_a_filter_is_saved_by_name_outlives_the_server_and_is_deleted(lab: Lab) -> None:
    view = open_browse(lab)
    view.get_by_role("spinbutton", name="GPU memory at least, in GB").fill("48")
    view.get_by_role("searchbox", name="Search offers").fill("mi250x")
    view.get_by_role("button", name="Save…").click()
    dialog = lab.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("<b>Large AMD</b>")
    dialog.get_by_role("button", name="Save").click()
    saved = view.get_by_role("combobox", name="Saved filters")
    expect(saved).to_have_value("<b>Large AMD</b>")
    lab.page.goto("about:blank")  # a page without its server has much to say
    lab.server.restart()
    lab.open()
    view = open_browse(lab)
    expect(view).to_contain_text("7 of 7 offers")
    saved.select_option("<b>Large AMD</b>")
    expect(offers(view)).to_have_attribute("data-offer", "lumi/standard-g")
    expect(view.get_by_role("searchbox", name="Search offers")).to_have_value("mi250x")
    view.get_by_role("button", name="Delete").click()
    expect(saved).to_have_count(0)
    expect(offers(view)).to_have_count(1)


TOO_FULL = """row => [...row.children].flatMap(cell => {
    const { overflow, textOverflow } = getComputedStyle(cell);
    const isCut = overflow === 'hidden' && textOverflow === 'ellipsis';
    if (!isCut && cell.scrollWidth > cell.clientWidth) {
        throw new Error(`${cell.textContent} lies over what is beside it`);
    }
    return isCut ? [cell.textContent] : [];
})"""


def test_values_that_cannot_be_right_are_shown_and_break_nothing(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["sites"] = [
        sample.site(
            "odd",
            "Odd",
            "catalogued",
            country="<i>",
            docs="javascript:document.title='owned'",
            latitude=9999.0,
            longitude=1e300,
            offers=[
                sample.offer(
                    "odd",
                    "p" * 60,
                    gpu_vendor="nvidia",
                    gpu_model="H" * 40,
                    gpus_per_node=-1,
                    gpu_memory_gb=1e300,
                    nodes_total=10**18,
                    nodes_free=-5,
                    carbon_g=sample.known(1e300, "stated", "a price list", "9999"),
                )
            ],
        )
    ]
    where = "javascript:document.title='owned'"
    broker.answers["claims"] = [
        sample.claim("country", "<i>", "official", "A <b>table</b>", "9999", url=where)
    ]
    view = open_browse(lab)
    view.get_by_role("button", name="Map", exact=True).click()
    sites = view.get_by_role("region", name="Sites on the map")
    expect(sites.get_by_role("listitem")).to_have_text("Odd")
    row = offers(view)
    expect(row).to_contain_text("-5 / 1.0e+18")
    expect(row).to_contain_text("1.0e+300")
    assert row.evaluate(TOO_FULL)[:3] == ["Odd " + "p" * 60, "<i>", "-1 × " + "H" * 40]
    row.get_by_role("gridcell").nth(1).click()
    details = view.get_by_role("complementary", name="Details of the offer")
    expect(details).to_contain_text("<i>")
    expect(details).to_contain_text("A <b>table</b>")
    expect(details.get_by_role("link")).to_have_count(0)
    assert view.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_an_answer_that_is_none_is_said_and_takes_no_view_down(
    lab: Lab, broker: BrokerDouble
) -> None:
    broker.answers["claims"] = {"no": "list"}
    view = open_browse(lab)
    offers(view).first.get_by_role("gridcell").nth(1).click()
    details = view.get_by_role("complementary", name="Details of the offer")
    expect(details).to_contain_text("Sources are not known now: The answer to GET claims is none")


def test_a_name_with_markup_is_shown_as_text(lab: Lab, broker: BrokerDouble) -> None:
    name = "<img src=x onerror=\"document.title='owned'\">"
    broker.answers["sites"] = [
        sample.site("evil", name, "ready", offers=[sample.offer("evil", "<b>p</b>")])
    ]
    view = open_browse(lab)
    expect(offers(view)).to_contain_text(name)
    assert view.locator("img").count() == 0
    assert lab.page.title() != "owned"
