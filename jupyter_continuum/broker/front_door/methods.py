"""What faces ask of the address that sites dial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_continuum.broker.front_door.address import (
    checked_address,
    forget_address,
    load_address,
    save_address,
)
from jupyter_continuum.broker.front_door.door import FrontDoor, address_view
from jupyter_continuum.broker.messages.address import AddressView
from jupyter_continuum.errors import BrokerError, ContinuumError


class AddressMethods:
    """To see it, to listen there, and no more."""

    def __init__(self, door: FrontDoor, moved: Callable[[], None]) -> None:
        """``moved`` is called when agents may dial out anew."""
        self._door = door
        self._moved = moved

    async def address(self) -> AddressView | None:
        return address_view(self._door)

    async def set_address(self, *, address: dict[str, Any]) -> AddressView | None:
        wanted, before = checked_address(address), self._door.address
        try:
            await self._door.open(wanted)
            save_address(wanted)
        except BrokerError:
            if before is None:
                await self._door.close()
            else:
                await self.open_saved()
            raise
        self._moved()
        return address_view(self._door)

    async def forget_address(self) -> dict[str, Any]:
        forget_address()
        await self._door.close()
        return {}

    async def open_saved(self) -> None:
        """Listen where the person said; a door that does not open closes nothing else."""
        try:
            address = load_address()
            if address is not None:
                await self._door.open(address)
        except ContinuumError as error:
            print(error, flush=True)
