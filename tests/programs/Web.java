/* SPDX-License-Identifier: ISC */
/* java Web.java server PORT: answers /N with N bytes. java Web.java client URL: prints the body's length. */
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.Executors;

public class Web {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("client")) {
            HttpClient c = HttpClient.newHttpClient();
            HttpRequest q = HttpRequest.newBuilder(URI.create(args[1])).build();
            System.out.println(c.send(q, HttpResponse.BodyHandlers.ofByteArray()).body().length);
            return;
        }
        HttpServer s = HttpServer.create(new InetSocketAddress(Integer.parseInt(args[1])), 100);
        s.setExecutor(Executors.newFixedThreadPool(8));
        s.createContext("/", x -> {
            byte[] b = new byte[Integer.parseInt(x.getRequestURI().getPath().substring(1))];
            x.sendResponseHeaders(200, b.length == 0 ? -1 : b.length);
            x.getResponseBody().write(b);
            x.close();
        });
        s.start();
    }
}
