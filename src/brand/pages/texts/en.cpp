// Our own pages in English.
#include "brand/pages/texts.hpp"

namespace marquee::brand {

const PageTexts kTextsEn{
    .not_connected =
        {"This domain is not connected yet",
         "It leads here, but no site answers to it. If you are looking for one, come back a "
         "little later, or ask whoever gave you the address.",
         "Add the domain in the settings of your site and finish the steps that are shown there. "
         "Check its DNS records: they must be those that the settings name, and a change of them "
         "may take some hours to be seen everywhere."},
    .suspended = {"This site is suspended", "It cannot be visited at the moment.",
                  "If it is yours, ask your provider."},
    .disabled = {"This site is switched off", "It cannot be visited at the moment.",
                 "If it is yours, switch it on in its settings."},
    .unpublished = {"This site has not been published", "Come back later."},
    .maintenance = {"We are working on this site",
                    "It will be back soon. Thank you for your patience."},
    .bad_request = {"The request could not be understood",
                    "Something in the request was not in order. Check the address, or try again."},
    .unauthorized = {"You have to sign in first",
                     "This address is open to those who are signed in."},
    .forbidden = {"You do not have access to this page", "Access to this address is restricted."},
    .not_found = {"This page does not exist",
                  "Check the address for a slip, or start again from the home page."},
    .method_not_allowed = {"This cannot be done here",
                           "The address exists, but not for this kind of request."},
    .request_timeout = {"The request took too long to arrive",
                        "Check your connection and try again."},
    .too_large = {"What you sent is too large", "Send a smaller file or less data."},
    .uri_too_long = {"The address is too long", "Use a shorter address."},
    .expectation_failed = {"The request could not be accepted",
                           "It asks for something that is not supported here."},
    .misdirected = {"The request reached the wrong place", "Reload the page to connect again."},
    .upgrade_required =
        {"Another kind of connection is needed",
         "This address cannot be used in this way. Use a current browser or client."},
    .too_many_requests = {"Too many requests", "Wait a moment before you try again."},
    .head_too_large = {"The request is too large",
                       "Delete the cookies of this site and try again."},
    .internal_error = {"Something went wrong", "The fault is on our side. Try again in a moment."},
    .not_implemented = {"This is not supported",
                        "The request uses something that is not supported here."},
    .bad_gateway = {"This site is not answering properly",
                    "The fault is on our side. Try again in a moment."},
    .unavailable = {"This site is not available right now", "Try again in a few minutes."},
    .gateway_timeout = {"This site took too long to answer", "Try again in a moment."},
    .version_unsupported = {"This version of HTTP is not supported",
                            "Use a current browser or client."},
    .error = "Error",
    .request = "Request",
    .try_again = "Try again",
    .home = "Home page",
    .for_owner = "Is this your domain?",
};

}  // namespace marquee::brand
