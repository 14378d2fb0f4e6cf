"""What can be wrong with a webhook."""

from api.problems import ServiceProblem


class WebhookAddressRefused(ServiceProblem):
    code = "webhook-address-refused"
    status_code_ = 422
    summary = "Nothing is sent to that address"
    why = "Messages go over https, and to addresses of the public internet alone."
    fix = "Name an https address whose host resolves to public addresses. `detail` says more."


class WebhooksNotServed(ServiceProblem):
    code = "webhooks-not-served"
    status_code_ = 503
    summary = "This service sends no webhooks"
    why = "Their secrets are kept under a key, and the operator has named none."
    fix = "Read the stream (`/v1/stream`) instead, or ask the operator for `webhook_keys`."


class TooManyWebhooks(ServiceProblem):
    code = "too-many-webhooks"
    status_code_ = 409
    summary = "You have as many webhooks as one account may have"
    why = "Every webhook costs the service a message for each change."
    fix = "Delete one, or let one webhook receive all kinds of all studies."
