# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tasks through Redis with TLS, users and Sentinel, and RabbitMQ with quorum queues."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

import kombu
import pytest
import requests
from amqp.exceptions import PreconditionFailed

from own_redis import make_certificates, own_redis
from runner_process import Runner, runner
from services import RABBITMQ, REDIS, require


def run_one_task(instance: Runner) -> None:
    instance.start_server()
    instance.start_worker()
    task = instance.wait_task(instance.submit({"op": "returns", "value": "through"}))
    assert (task["status"], task["log"]) == ("SUCCESS", "through")


def test_redis_with_tls_and_a_certificate_of_a_private_authority(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    lines = (
        f"tls-cert-file {files.certificate}",
        f"tls-key-file {files.key}",
        f"tls-ca-cert-file {files.authority}",
        "tls-auth-clients no",
    )
    with own_redis(tmp_path, *lines, tls=True) as redis:
        url = f"rediss://127.0.0.1:{redis.port}/0"
        trusting = f"{url}?ssl_ca_certs={files.authority}"
        with runner(tmp_path, BROKER_URL=trusting) as instance:
            run_one_task(instance)
            # Whoever does not know the authority does not talk to the server.
            doubting = Runner(tmp_path, {"BROKER_URL": url})
            try:
                doubting.start_server()
                with pytest.raises(AssertionError, match="broker"):
                    doubting.submit()
            finally:
                doubting.close()


def test_redis_with_a_user_of_few_rights(tmp_path: Path) -> None:
    # The rights that docs/brokers.rst names.
    rights = "~* &* +@all -@admin -@dangerous +info"
    lines = ("user default off", f"user runner on >secret {rights}")
    with own_redis(tmp_path, *lines) as redis:
        url = f"redis://runner:secret@127.0.0.1:{redis.port}/0"
        with runner(tmp_path, BROKER_URL=url) as instance:
            run_one_task(instance)
            for name in ("server", "worker"):
                assert "secret@" not in instance.log(name)


def test_redis_behind_sentinel_survives_the_loss_of_its_master(tmp_path: Path) -> None:
    with ExitStack() as stack:
        master = stack.enter_context(own_redis(tmp_path))
        stack.enter_context(own_redis(tmp_path, f"replicaof 127.0.0.1 {master.port}"))
        sentinels = [
            stack.enter_context(
                own_redis(
                    tmp_path,
                    f"sentinel monitor main 127.0.0.1 {master.port} 2",
                    "sentinel down-after-milliseconds main 1000",
                    "sentinel failover-timeout main 3000",
                )
            )
            for _ in range(3)
        ]
        options = {"broker_transport_options": {"master_name": "main"}}
        instance = stack.enter_context(
            runner(
                tmp_path,
                BROKER_URL=";".join(
                    f"sentinel://127.0.0.1:{sentinel.port}" for sentinel in sentinels
                ),
                CELERY_SETTINGS=json.dumps(options),
            )
        )
        run_one_task(instance)
        time.sleep(3)  # the sentinels have to find each other and the replica
        master.kill()
        deadline = time.monotonic() + 60
        while True:
            answer = instance.http.post(
                f"{instance.url}plugins/laboratory@v1-0-0/process/",
                data={"operations": "[]"},
                timeout=30,
                allow_redirects=False,
            )
            if answer.status_code == 303:
                break
            assert answer.status_code == 503
            assert time.monotonic() < deadline
            time.sleep(0.5)
        url = requests.compat.urljoin(answer.url, answer.headers["Location"])
        assert instance.wait_task(url, 60)["status"] == "SUCCESS"


def test_sentinel_needs_the_name_of_the_master(tmp_path: Path) -> None:
    instance = Runner(tmp_path, {"BROKER_URL": "sentinel://127.0.0.1:1"})
    result = instance.flask("routes", check=False)
    assert result.returncode != 0
    assert "name of the master" in result.stderr


def test_rabbitmq_with_quorum_queues(tmp_path: Path) -> None:
    require("rabbitmq", RABBITMQ)
    with runner(
        tmp_path,
        BROKER_URL=RABBITMQ,
        CELERY_SETTINGS=json.dumps({"task_default_queue_type": "quorum"}),
    ) as instance:
        names = [f"test-{instance.port}", f"test-{instance.port}-lab"]
        instance.environment["TASK_ROUTES"] = json.dumps({"laboratory": names[1]})
        try:
            run_one_task(instance)
            with kombu.Connection(RABBITMQ) as connection:
                for name in names:
                    with pytest.raises(PreconditionFailed, match="quorum"):
                        connection.channel().queue_declare(
                            name, durable=True, auto_delete=False
                        )
        finally:
            instance.close()
            with kombu.Connection(RABBITMQ) as connection:
                channel = connection.channel()
                for name in names:
                    channel.queue_delete(name)


@pytest.mark.parametrize(("name", "url"), [("redis", REDIS), ("rabbitmq", RABBITMQ)])
def test_groups_with_queues_of_their_own_share_a_broker(
    tmp_path: Path, name: str, url: str
) -> None:
    require(name, url)
    with ExitStack() as stack:
        groups = []
        for group in ("a", "b"):
            folder = tmp_path / group
            folder.mkdir()
            instance = stack.enter_context(runner(folder, BROKER_URL=url))
            instance.start_server()
            instance.start_worker()
            groups.append(instance)
        for instance in groups:
            urls = [instance.submit() for _ in range(5)]
            assert {instance.wait_task(one)["status"] for one in urls} == {"SUCCESS"}
        for instance in groups:
            assert instance.log("worker").count(" received") == 5
