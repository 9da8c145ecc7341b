"""Sets the path of a position, from a home to the current screen: made here, and taken up here."""

from __future__ import annotations

from app.ussd.menu import Menu, Screen
from app.ussd.position import Position


class Paths:
    """Moves positions through a menu. It keeps one rule: a path begins at a home.

    So 00 leads home from everywhere. A path that does not begin there is a fault of ours, and
    raises RuntimeError; one of those stored is not taken up.
    """

    def __init__(self, menu: Menu) -> None:
        self.menu = menu
        self.offer = menu.offer
        self._detours = {menu.lock, menu.proof} - {""}

    def current(self, position: Position) -> Screen:
        return self.menu.screens[position.path[-1]]

    def at_offer(self, position: Position) -> bool:
        return position.path[-1] == self.offer

    def leave(self, position: Position) -> None:
        """Forgets where the dialogue stands, and what waits: it begins anew."""
        position.path = position.suspended_path = ()
        position.pending_screen = ""

    def push(self, screen: Screen, position: Position) -> None:
        """Goes forward to `screen`."""
        path = position.path
        if screen.home:
            path = ()
        elif screen.clears_history:
            path = path[:1]
        if screen.name in path:
            path = path[: path.index(screen.name)]
        self._stand((*path, screen.name), position)

    def go_back(self, position: Position) -> None:
        self._stand(position.path[:-1] or position.path, position)

    def go_home(self, position: Position, reason: str = "") -> None:
        self._stand(position.path[:1], position, reason)

    def begin_detour(self, pending: str, position: Position) -> None:
        """Keeps the path, and the screen to enter after the detour."""
        position.suspended_path = self._leave_offer(position.path)
        position.pending_screen = pending

    def end_detour(self, position: Position) -> str:
        """Goes back to the suspended path; returns the screen that was pending there, if any."""
        name, position.pending_screen = position.pending_screen, ""
        page, position.suspended_page = position.suspended_page, 0
        path = position.suspended_path or self._leave_offer(position.path)
        position.suspended_path = ()
        self._stand(path, position)
        position.page = page
        return name

    def can_go_on(self, position: Position) -> bool:
        """True if a stored position stands in this menu, each path from a home."""
        path, suspended = position.path, position.suspended_path
        return (
            bool(path)
            and self.menu.screens.keys() >= {*path, *suspended}
            and self._begins_at_home(path)
            and (not suspended or self._begins_at_home(suspended))
        )

    def can_resume(self, position: Position) -> bool:
        """True if something had been begun there, and had not come to its answer.

        Begun is a question to confirm, an answer typed but for the PIN, and what the menu marks.
        """
        if not self.menu.resume or not self.can_go_on(position):
            return False
        if self.offer in position.path:
            return True  # The line broke again before the offer was accepted.
        screens = [self.menu.screens[name] for name in position.path[1:]]
        typed = any(one.takes_input and one.name != self.menu.lock for one in screens[:-1])
        begun = typed or any(one.is_begun for one in screens)
        return begun and not screens[-1].is_answer

    def suspend(self, position: Position) -> None:
        """Keeps the path of a broken dialogue, without detours, until the offer is accepted."""
        if self.offer in position.path:
            pass  # It waits already.
        elif detours := [name for name in position.path if name in self._detours]:
            position.suspended_path = position.path[: position.path.index(detours[0])]
        else:
            position.suspended_path, position.suspended_page = position.path, position.page
            position.pending_screen = ""
        position.path = position.path[:1]

    def _leave_offer(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the path without the offer to go on, which is not to come back to."""
        return path[: path.index(self.offer)] if self.offer in path else path

    def _stand(self, path: tuple[str, ...], position: Position, reason: str = "") -> None:
        """Opens the last screen of the path on its first page; home ends every detour."""
        if not self._begins_at_home(path):
            raise RuntimeError(f"a path begins at {path[0]}, which is no home")
        position.path = path
        position.page, position.refusal_reason, position.refusals = 0, reason, 0
        if self.current(position).home:
            position.suspended_path, position.pending_screen = (), ""

    def _begins_at_home(self, path: tuple[str, ...]) -> bool:
        """True if 00 leads home from there, or the dialogue ends at once."""
        first = self.menu.screens[path[0]]
        return first.home or first.kind == "end"
