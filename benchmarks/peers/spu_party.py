"""One party of SecretFlow spu's private set intersection; run by the peers' own Python.

Run as ``python spu_party.py RANK PROTOCOL INPUT OUTPUT PORT PORT``: rank 0 receives the
intersection; the ports are those of both parties. Prints the CPU seconds of the protocol, reading
and writing the files included, as JSON. Imports nothing of this project.
"""

import importlib.util
import json
import resource
import sys
import types
from typing import Any


def load() -> tuple[Any, Any]:
    """Load the compiled part of spu alone: its front door wants jax, which PSI does not use."""
    found = importlib.util.find_spec("spu")
    package = types.ModuleType("spu")
    package.__path__ = list(found.submodule_search_locations or []) if found else []
    sys.modules["spu"] = package
    return importlib.import_module("spu.libpsi"), importlib.import_module("spu.libspu").link


def spent() -> float:
    """Give the CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(rank: int, protocol: str, source: str, target: str, ports: list[str]) -> None:
    """Intersect once."""
    psi, link = load()
    desc = link.Desc()
    desc.connect_retry_times = 60  # seconds: the other party may be slow to load
    desc.recv_timeout_ms = 120_000
    for i, port in enumerate(ports):
        desc.add_party(f"party{i}", f"127.0.0.1:{port}")
    context = link.create_brpc(desc, rank)
    config = psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=getattr(psi.PsiProtocol, f"PROTOCOL_{protocol}"),
            receiver_rank=0,
            broadcast_result=False,
            ecdh_params=psi.EcdhParams(curve=psi.EllipticCurveType.CURVE_25519),
        ),
        input_params=psi.InputParams(path=source, selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=target, disable_alignment=True),
    )
    before = spent()
    psi.psi_execute(config, context)
    print(json.dumps({"cpu": spent() - before}), flush=True)
    context.stop_link()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
