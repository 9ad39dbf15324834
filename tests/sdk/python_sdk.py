"""Drives the official Python SDK, unchanged, against the simulator.

Usage: python_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET
Needs the package PureCloudPlatformClientV2. Prints one line of JSON and exits 0 when all is well.
"""

import json
import sys
import urllib.request
from urllib.parse import urlsplit

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.rest import ApiException

QUEUES = [
    "Billing", "Complaints", "Escalations", "New Business", "Partner Desk", "Reception",
    "Renewals", "Support Chat", "Support Email", "Support Phone", "Upgrades", "Voicemail",
]


def scenario(base, name):
    """Switches the simulator by its control endpoint."""
    request = urllib.request.Request(
        base + "/sim/scenario",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request) as answer:
        assert json.load(answer)["name"] == name


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def refusal(call):
    """The ApiException of a call that must fail."""
    try:
        call()
    except ApiException as refused:
        return refused
    raise AssertionError("the call was not refused")


def run(base, client_id, client_secret):
    url = urlsplit(base)
    scenario(base, "healthy")
    api_client = sdk.api_client.ApiClient()
    api_client.set_gateway(url.hostname, url.scheme, url.port, "", "")

    wrong = refusal(lambda: api_client.get_client_credentials_token(client_id, client_secret + "x"))
    expect(wrong.status, 401, "a wrong secret")
    api_client.get_client_credentials_token(client_id, client_secret)

    routing = sdk.RoutingApi(api_client)
    queues = routing.get_routing_queues(page_size=100)
    expect([queue.name for queue in queues.entities], QUEUES, "queues")
    expect((queues.total, queues.page_count, queues.next_uri), (12, 1, None), "the listing")
    page = routing.get_routing_queues(page_size=5, page_number=2)
    expect([queue.name for queue in page.entities], QUEUES[5:10], "page 2")
    expect(page.next_uri, "/api/v2/routing/queues?pageSize=5&pageNumber=3", "the next page")
    found = routing.get_routing_queues(name="support*", sort_order="desc")
    expect([queue.name for queue in found.entities], ["Support Phone", "Support Email", "Support Chat"], "by name")
    two = [queue.id for queue in queues.entities[:2]]
    expect([queue.id for queue in routing.get_routing_queues(id=two).entities], two, "by id")
    one = routing.get_routing_queue(two[0])
    expect((one.name, one.division.name), ("Billing", "Home"), "one queue")

    token = sdk.TokensApi(api_client).get_tokens_me()
    expect(token.o_auth_client.id, client_id, "the token's client")
    expect(token.o_auth_client.authorized_grant_type, "CLIENT-CREDENTIALS", "the token's grant")
    authorization = sdk.AuthorizationApi(api_client)
    grants = authorization.get_authorization_subjects_me().grants
    held = sorted((grant.role.name, grant.division.name) for grant in grants)
    readers = [("Queue Reader", name) for name in ("Home", "Sales", "Support")]
    expect(held, readers + [("Reporting", "Home")], "grants")
    permitted = authorization.get_authorization_divisionspermitted_paged_me("routing:queue:view")
    expect([division.name for division in permitted.entities], ["Home", "Sales", "Support"], "divisions")
    expect(permitted.all_divs_permitted, False, "all divisions")
    known = authorization.get_authorization_permissions(query_type="domain", query="routing")
    actions = [permission.action for permission in known.entities[0].permission_map["queue"]]
    assert "view" in actions, actions
    organization = sdk.OrganizationApi(api_client).get_organizations_me()
    expect((organization.name, organization.state), ("Why403 Demo", "active"), "the organisation")

    scenario(base, "role-removed")
    refused = refusal(lambda: routing.get_routing_queues(page_size=1))
    body = json.loads(refused.body)
    expect((refused.status, body["code"]), (403, "missing.any.permissions"), "the refusal")
    assert "[routing:queue:view]" in body["message"], body
    correlation = {name.lower(): value for name, value in refused.headers.items()}["inin-correlation-id"]
    expect(body["contextId"], correlation, "the context id")
    permitted = authorization.get_authorization_divisionspermitted_paged_me("routing:queue:view")
    expect(permitted.total, 0, "permitted divisions after the refusal")
    scenario(base, "healthy")
    expect(routing.get_routing_queues(page_size=1).total, 12, "queues after recovery")
    return {"ok": True, "queues": queues.total, "grants": len(grants), "code": body["code"], "contextId": correlation}


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(json.dumps(run(sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3])))
