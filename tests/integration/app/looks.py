"""What can be measured of a page's looks: whether it fits, whether it is dark, whether everything has a name."""

from __future__ import annotations

from playwright.sync_api import Page

_SIDEWAYS = """
() => [...document.querySelectorAll('[data-testid=stMain], [data-testid=stMainBlockContainer]')]
  .concat([document.documentElement])
  .filter(each => each.scrollWidth > each.clientWidth + 1)
  .map(each => `${each.tagName} ${each.dataset.testid}: ${each.scrollWidth} > ${each.clientWidth}`)
"""
_NAMELESS = """
() => [...document.querySelectorAll('main button, main input, main a, [data-testid=stMain] button, [data-testid=stMain] input')]
  .filter(each => each.checkVisibility() && each.type !== 'hidden')
  .filter(each => !(each.getAttribute('aria-label') || each.innerText || each.title
    || (each.labels && [...each.labels].map(label => label.innerText).join(''))
    || document.getElementById(each.getAttribute('aria-labelledby') || ' ')?.innerText))
  .map(each => each.outerHTML.slice(0, 200))
"""
_BACKGROUND = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"


def sideways(page: Page) -> list[str]:
    """What is wider than the window, so that one would have to scroll sideways."""
    found: list[str] = page.evaluate(_SIDEWAYS)
    return found


def nameless(page: Page) -> list[str]:
    """Buttons, links and fields without a name that a screen reader could say."""
    found: list[str] = page.evaluate(_NAMELESS)
    return found


def is_dark(page: Page) -> bool:
    """Whether the page's background is dark."""
    colour: str = page.evaluate(_BACKGROUND)
    return sum(int(each) for each in colour[4:-1].split(",")[:3]) < 3 * 128
