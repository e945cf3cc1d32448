"""What a Temporal server needs before disputes run on it: namespace, search attributes, time skipping."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeWorkflowExecutionRequest,
    PollWorkflowExecutionTimeSkippingRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

NAMESPACE = "default"
_POLL = 0.05  # seconds between two looks at the server


async def prepare_namespace(client: Client, search_attributes: Sequence[str], *, retention: timedelta) -> None:
    """Register the client's namespace and keyword `search_attributes` where missing; wait until usable.

    `retention` is how long closed workflows are kept (whole days). Raises RPCError for what the server refuses.
    Has no time limit of its own: put asyncio.timeout around it.
    """
    await _register(client, retention)
    await _until_seen(client, "")
    # The server's caches do not know a new namespace yet when registering answers; now they do.
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [name for name in search_attributes if name not in listed.custom_attributes]
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes={name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for name in missing},
            )
        )
    for name in search_attributes:
        await _until_seen(client, f"{name} = 'x'")
    await _until_history_answers(client)


async def skips_time(client: Client) -> bool:
    """Whether the server skips time for workflows that ask for it (test clocks need it).

    Asks about a workflow that does not exist: a server that could skip says NOT_FOUND, one where it is
    switched off or unknown says so before it looks. Leaves no trace on the server. The namespace must exist.
    """
    request = PollWorkflowExecutionTimeSkippingRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=f"no-such-workflow-{uuid.uuid4()}"),
        fast_forward_id="probe",
    )
    try:
        await client.workflow_service.poll_workflow_execution_time_skipping(request, timeout=timedelta(seconds=10))
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return True


async def _register(client: Client, retention: timedelta) -> None:
    kept = Duration()
    kept.FromTimedelta(retention)
    request = RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=kept)
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _until_history_answers(client: Client) -> None:
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=f"no-such-workflow-{uuid.uuid4()}")
    )
    while True:
        try:
            await client.workflow_service.describe_workflow_execution(request)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return
            if error.status is not RPCStatusCode.UNAVAILABLE:
                raise
        await asyncio.sleep(_POLL)


async def _until_seen(client: Client, query: str) -> None:
    request = CountWorkflowExecutionsRequest(namespace=client.namespace, query=query)
    not_yet = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
    while True:
        try:
            await client.workflow_service.count_workflow_executions(request)
            return
        except RPCError as error:
            if error.status not in not_yet:
                raise
        await asyncio.sleep(_POLL)
