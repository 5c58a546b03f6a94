"""A stock Faust worker that fails once: `python stock_agent.py SERVERS TOPIC OUT`. The twin of the
worker's own tests: same accident, and records are gone.
"""

import asyncio
import sys
from pathlib import Path

import faust

servers, topic, out = sys.argv[1:]
app = faust.App(
    "stock",
    broker=f"kafka://{servers}",
    topic_allow_declare=False,
    topic_disable_leader=True,
    stream_wait_empty=False,
    broker_commit_interval=0.5,
    consumer_auto_offset_reset="earliest",
)
seen, failed = [], []


@app.agent(app.topic(topic, value_type=bytes, value_serializer="raw"))
async def agent(stream):
    async for value in stream:
        if value == b"33" and not failed:
            failed.append(value)
            raise RuntimeError("a planted fault")
        seen.append(value.decode())


async def run():
    await app.start()
    for _ in range(150):
        await asyncio.sleep(0.1)
        await asyncio.to_thread(Path(out).write_text, "\n".join(seen))


app.boot_strategy.enable_web = False
asyncio.run(run())
